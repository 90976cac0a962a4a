import HTTP
import Values

/// A request's body as bytes.
struct CallBody {
  let bytes: [UInt8]?
  /// What has to be said about it and is not said yet.
  let headers: [HTTPHeader]

  /// JSON, unless the content type asks for something else: a form is made of an object, a text goes as it is.
  ///
  /// - Parameter contentType: that the workflow sets, or an OpenAPI document.
  init(_ value: JSON?, contentType: String?, place: String = "with.body") throws(HTTPCallError) {
    guard let value else {
      (bytes, headers) = (nil, [])
      return
    }
    guard let contentType else {
      (bytes, headers) = (value.serialized(), [HTTPHeader("Content-Type", "application/json")])
      return
    }
    headers = []
    let type = MediaType(contentType)
    if type.isJSON {
      bytes = value.serialized()
    } else if let text = value.scalarText {
      bytes = Array(text.utf8)
    } else if type.name == MediaType.form, case .object(let members) = value {
      bytes = Array(Pairs.form(Pairs.from(members)).utf8)
    } else {
      throw .invalid("\(place) must be a text for the content type \(type.name)")
    }
  }
}

/// A content type (RFC 9110 section 8.3.1).
struct MediaType: Sendable, Hashable {
  /// In lower case, without parameters.
  let name: String
  /// In lower case.
  let charset: String?

  static let form = "application/x-www-form-urlencoded"

  init(_ text: String) {
    let parts = text.split(separator: ";").map { $0.trimmed.lowercased() }
    name = parts.first ?? ""
    charset = parts.dropFirst().first { $0.hasPrefix("charset=") }
      .map { $0.dropFirst("charset=".count).filter { $0 != "\"" } }
  }

  /// Also `application/problem+json` and its like (RFC 6839 section 3.1).
  var isJSON: Bool { name == "application/json" || name == "text/json" || name.hasSuffix("+json") }

  var isText: Bool {
    name.hasPrefix("text/") || name.hasSuffix("+xml") || name.hasSuffix("+yaml")
      || ["application/xml", "application/yaml", "application/x-yaml", "application/javascript", Self.form]
        .contains(name)
  }
}

extension StringProtocol {
  var trimmed: String {
    let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
    guard let first = firstIndex(where: { !isBlank($0) }), let last = lastIndex(where: { !isBlank($0) }) else {
      return ""
    }
    return String(self[first...last])
  }
}
