import Synchronization
import Values

/// A small pet store in the manner of the one that the standard's examples call, with its description in Swagger 2.0;
/// and a page behind a password, as `/basic-auth/{user}/{password}`.
public final class PetStore: Sendable {
  private let server: LoopbackHTTPServer
  private let log: RequestLog

  /// `http://127.0.0.1:port`
  public var url: String { server.url }
  public var port: Int { server.port }
  public var documentURL: String { "\(url)/v2/swagger.json" }
  public var requests: [LoopbackHTTPServer.Request] { log.all }

  public init() async throws {
    let log = RequestLog()
    self.log = log
    server = try await LoopbackHTTPServer { request in
      log.add(request)
      return Self.answer(request)
    }
  }

  public func stop() async { await server.stop() }

  private static let pets: [JSON] = [
    ["id": 1, "name": "Milou", "status": "available"], ["id": 2, "name": "Struppi", "status": "pending"],
    ["id": 3, "name": "Snowy", "status": "available"],
  ]

  private static func answer(_ request: LoopbackHTTPServer.Request) -> LoopbackHTTPServer.Answer {
    let path = request.path.split(separator: "/").map(String.init)
    switch (request.method, path.first, path.dropFirst().first, path.dropFirst(2).first) {
    case ("GET", "v2", "swagger.json", nil): return json(200, document(host: request.header("host") ?? ""))
    case ("GET", "v2", "pet", "findByStatus"):
      let wanted = (request.query ?? "").split(separator: "&").map { $0.split(separator: "=").last ?? "" }
      return json(200, .array(pets.filter { wanted.contains(Substring($0["status"]?.string ?? "")) }))
    case ("GET", "v2", "pet", let id?):
      guard path.count == 3, let pet = pets.first(where: { $0["id"]?.text == id }) else { return missing }
      return json(200, pet)
    case ("POST", "v2", "pet", nil):
      guard let pet = try? JSON.parse(request.body), pet["name"] != nil else { return json(405, ["message": "no pet"]) }
      return json(200, pet)
    case ("GET", "basic-auth", let user?, let password?):
      let expected = "Basic \(Base64.encode(Array("\(user):\(password)".utf8)))"
      guard request.header("authorization") == expected else {
        return .text(401, "", headers: [("WWW-Authenticate", "Basic realm=\"pets\"")])
      }
      return json(200, ["authenticated": true, "user": .string(user)])
    default: return missing
    }
  }

  private static let missing = json(404, ["code": 1, "type": "error", "message": "Pet not found"])

  private static func json(_ status: Int, _ value: JSON) -> LoopbackHTTPServer.Answer {
    .text(status, value.text, headers: [("Content-Type", "application/json")])
  }

  private static func document(host: String) -> JSON {
    let pet: JSON = ["type": "object", "required": ["name"], "properties": ["name": ["type": "string"]]]
    let id: JSON = ["name": "petId", "in": "path", "required": true, "type": "integer"]
    let status: JSON = [
      "name": "status", "in": "query", "required": true, "type": "array", "items": ["type": "string"],
      "collectionFormat": "multi",
    ]
    let body: JSON = ["name": "body", "in": "body", "required": true, "schema": ["$ref": "#/definitions/Pet"]]
    return [
      "swagger": "2.0", "info": ["title": "Pets", "version": "1.0.0"], "host": .string(host), "basePath": "/v2",
      "schemes": ["http"], "consumes": ["application/json"], "produces": ["application/json"],
      "definitions": ["Pet": pet],
      "paths": [
        "/pet": ["post": ["operationId": "addPet", "parameters": [body]]],
        "/pet/findByStatus": ["get": ["operationId": "findPetsByStatus", "parameters": [status]]],
        "/pet/{petId}": ["get": ["operationId": "getPetById", "parameters": [id]]],
      ],
    ]
  }
}

/// What a server was asked.
public final class RequestLog: Sendable {
  private let requests = Mutex<[LoopbackHTTPServer.Request]>([])

  public init() {}

  public var all: [LoopbackHTTPServer.Request] { requests.withLock { $0 } }

  public func add(_ request: LoopbackHTTPServer.Request) { requests.withLock { $0.append(request) } }
}
