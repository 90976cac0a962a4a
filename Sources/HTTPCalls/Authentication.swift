import HTTP
import Values

/// How a call shows who makes it (DSL 1.0.3, "Authentication").
public enum Authentication: Sendable, Hashable {
  case basic(username: String, password: String)
  case bearer(token: String)
  case digest(username: String, password: String)
  case token(TokenGrant)

  /// - Returns: nil where there is nothing to read.
  /// - Throws: `validation`; `configuration` for a scheme that is known and not supported.
  init?(_ value: JSON?, _ place: String) throws(HTTPCallError) {
    guard let value else { return nil }
    let schemes = ["basic", "bearer", "digest", "oauth2", "oidc"]
    let members = try Members(value, place, known: schemes + ["certificate", "use"])
    if let name = members["use"] {
      throw .misconfigured("\(place).use names \(name.text), which nobody has replaced by what it stands for")
    }
    if members["certificate"] != nil {
      throw .misconfigured("\(place).certificate: authentication by certificate is not supported")
    }
    // The standard has the others ignored; two of them are more likely a mistake.
    let given = schemes.filter { members[$0] != nil }
    guard given.count == 1 else {
      throw .invalid("\(place) needs exactly one of \(schemes.joined(separator: ", "))")
    }
    self = try Self.read(given[0], members.required(given[0]), "\(place).\(given[0])")
  }

  private static func read(_ scheme: String, _ value: JSON, _ place: String) throws(HTTPCallError) -> Authentication {
    switch scheme {
    case "bearer":
      let token = try Members(value, place, known: ["token"]).requiredText("token")
      return .bearer(token: try checked(token, "\(place).token"))
    case "oauth2", "oidc": return .token(try TokenGrant(value, place, isOIDC: scheme == "oidc"))
    default:
      let members = try Members(value, place, known: ["username", "password"])
      let username = try members.requiredText("username")
      let password = try members.requiredText("password")
      if scheme == "digest" { return .digest(username: username, password: password) }
      // The colon is what parts the two (RFC 7617 section 2).
      guard !username.utf8.contains(UInt8(ascii: ":")) else { throw .invalid("\(place).username holds a colon") }
      return .basic(username: username, password: password)
    }
  }

  /// A token becomes a part of a header.
  static func checked(_ token: String, _ place: String) throws(HTTPCallError) -> String {
    guard !token.isEmpty, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw .invalid("\(place) is empty, or holds something that is no part of a token")
    }
    return token
  }
}

extension Authentication {
  /// What is fetched with one authentication is not for those who have another. A digest, so that no secret is a key.
  var cacheKey: String {
    let parts: [String] =
      switch self {
      case .basic(let username, let password): ["basic", username, password]
      case .bearer(let token): ["bearer", token]
      case .digest(let username, let password): ["digest", username, password]
      case .token(let grant): ["token", grant.cacheKey]
      }
    return SHA256.hex(JSON.array(parts.map { .string($0) }).text)
  }
}

extension Authentication: CustomStringConvertible {
  /// Without secrets.
  public var description: String {
    switch self {
    case .basic: "basic"
    case .bearer: "bearer"
    case .digest: "digest"
    case .token(let grant): "\(grant)"
    }
  }
}

/// What an exchange is authenticated with.
struct Credential: Sendable {
  var header: HTTPHeader?
  var digest: HTTPDigest?
  /// That no error may show.
  var secrets: [String] = []

  static let none = Credential()

  static func basic(_ username: String, _ password: String) -> Credential {
    let code = Base64.encode(Array("\(username):\(password)".utf8))
    return Credential(header: HTTPHeader("Authorization", "Basic \(code)"), secrets: [code, password])
  }

  static func bearer(_ token: String) -> Credential {
    Credential(header: HTTPHeader("Authorization", "Bearer \(token)"), secrets: [token])
  }

  static func digest(_ username: String, _ password: String) -> Credential {
    Credential(digest: HTTPDigest(username: username, password: password), secrets: [password])
  }

  func apply(to request: inout HTTPRequest) {
    if let header { request.headers.set(header) }
    if digest != nil { request.headers.removeAll { $0.name.lowercased() == "authorization" } }
    request.digest = digest
    request.redacting += secrets
  }
}
