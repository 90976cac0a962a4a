import HTTP
import Values

/// An operation that an OpenAPI document describes (DSL 1.0.3, "OpenAPI Call").
public struct OpenAPICall: Sendable, Hashable {
  public var document: HTTPURL
  /// What the document needs, not the operation.
  public var documentAuthentication: Authentication?
  public var operationID: String
  public var parameters: JSONObject
  public var authentication: Authentication?
  public var output: CallOutput
  public var redirect: Bool

  public init(
    document: HTTPURL, documentAuthentication: Authentication? = nil, operationID: String,
    parameters: JSONObject = JSONObject(), authentication: Authentication? = nil, output: CallOutput = .content,
    redirect: Bool = false
  ) {
    self.document = document
    self.documentAuthentication = documentAuthentication
    self.operationID = operationID
    self.parameters = parameters
    self.authentication = authentication
    self.output = output
    self.redirect = redirect
  }

  init(_ data: JSON) throws(HTTPCallError) {
    let members = try Members(
      data, "with", known: ["document", "operationId", "parameters", "authentication", "output", "redirect"])
    let document = try DocumentReference(members)
    self.init(
      document: document.url, documentAuthentication: document.authentication,
      operationID: try members.requiredText("operationId"), parameters: try members.object("parameters"),
      authentication: try Authentication(members["authentication"], "with.authentication"),
      output: try members.choice("output", default: CallOutput.content), redirect: try members.bool("redirect"))
  }
}

/// `document` of a call (DSL 1.0.3, "External Resource").
struct DocumentReference {
  let url: HTTPURL
  let authentication: Authentication?

  /// - Parameter call: the `with` that names it.
  init(_ call: Members) throws(HTTPCallError) {
    let place = "\(call.place).document"
    let resource = try Members(call.required("document"), place, known: ["name", "endpoint"])
    let endpoint = try Endpoint(resource.required("endpoint"), "\(place).endpoint")
    url = try HTTPCall.url(endpoint.uri, endpoint.place)
    authentication = endpoint.authentication
  }
}
