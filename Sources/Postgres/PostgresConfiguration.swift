import CLibPQ

/// Where the server is and how to behave towards it.
public struct PostgresConfiguration: Sendable, Hashable {
  /// Shown in `pg_stat_activity`, unless the connection string names one.
  public var applicationName = "mediator"
  /// For the whole connection, TLS and authentication included. Looking up a host name is the resolver's and can take
  /// longer. A `connect_timeout` in the connection string sets it.
  public var connectTimeout: Duration = .seconds(5)
  /// For a call that names no timeout of its own.
  public var statementTimeout: Duration = .seconds(30)
  /// How long the server may take to confirm that it cancelled something. After that the connection is given up: a call
  /// returns at the latest this long after its deadline.
  public var cancelGrace: Duration = .milliseconds(500)
  /// SQL texts kept prepared per connection.
  public var preparedStatementLimit = 256

  /// libpq's keywords; holds the password, so it stays in here.
  private(set) var keywords: [String: String]

  /// - Parameter text: `postgres://user:password@host:port/database?sslmode=…` or libpq's keyword form
  ///   (`host=… dbname=…`), PostgreSQL manual section 34.1.1. What it leaves out comes from libpq's environment
  ///   variables and password file.
  /// - Throws: `.configuration`, which never repeats any part of `text`, as it may be the password in the wrong place.
  public init(_ text: String) throws(PostgresError) {
    keywords = try Self.parse(text)
    if let seconds = keywords.removeValue(forKey: "connect_timeout").flatMap({ Int($0) }), seconds > 0 {
      connectTimeout = .seconds(seconds)
    }
  }

  /// The same server and user, another database.
  public func database(_ name: String) -> PostgresConfiguration {
    var copy = self
    copy.keywords["dbname"] = name
    return copy
  }

  private static func parse(_ text: String) throws(PostgresError) -> [String: String] {
    if text.allSatisfy(\.isWhitespace) { throw invalid("is empty") }
    try checkURL(text)
    var message: UnsafeMutablePointer<CChar>?
    guard let options = PQconninfoParse(text, &message) else {
      PQfreemem(message)
      throw invalid("is neither a valid postgres:// URL nor a list of keyword=value pairs")
    }
    defer { PQconninfoFree(options) }
    var result: [String: String] = [:]
    var option = options
    while let keyword = option.pointee.keyword {
      if let value = option.pointee.val { result[String(cString: keyword)] = String(cString: value) }
      option += 1
    }
    // libpq would repeat a wrong port in its error, and what stands there may be the rest of a password.
    let ports = (result["port"] ?? "").split(separator: ",", omittingEmptySubsequences: true)
    guard ports.allSatisfy({ Int($0).map { (1...65_535).contains($0) } ?? false }) else {
      throw invalid("has a port that is not a number from 1 to 65535")
    }
    return result
  }

  /// libpq ends the password at the first `@`, and sees none at all after a `/`. So a password with one of these,
  /// unencoded, is cut in two, and the rest of it ends up as host or database, which errors name.
  private static func checkURL(_ text: String) throws(PostgresError) {
    guard let scheme = ["postgres://", "postgresql://"].first(where: text.hasPrefix) else {
      if text.contains("://") { throw invalid("has an unknown scheme; use postgres://") }
      return
    }
    let rest = text.dropFirst(scheme.count)
    let credentials = rest.prefix { $0 != "@" && $0 != "/" }
    let hasCredentials = rest.dropFirst(credentials.count).first == "@"
    let address = (hasCredentials ? rest.dropFirst(credentials.count + 1) : rest).prefix { $0 != "?" }
    if address.contains("@") {
      throw invalid("has a user or password with an unencoded special character: write @ as %40 and / as %2F")
    }
  }

  private static func invalid(_ what: String) -> PostgresError {
    PostgresError(code: .configuration, message: "the database connection string \(what)")
  }

  /// Everything handed to libpq, with this module's defaults for what was not named.
  var connectionParameters: [(keyword: String, value: String)] {
    var all = keywords
    all["client_encoding"] = "UTF8"
    all["fallback_application_name"] = applicationName
    // A dead peer is noticed within about 25 s even while nothing is being asked; 15 s while data is unacknowledged.
    let keepalive = [
      "keepalives": "1", "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3",
      "tcp_user_timeout": "15000",
    ]
    all.merge(keepalive) { given, _ in given }
    return all.map { ($0.key, $0.value) }
  }

  /// Takes out what must not be seen. Very short passwords are left: they would match anywhere, and libpq prints none.
  func redact(_ message: String) -> String {
    var message = message
    for secret in [keywords["password"], keywords["sslpassword"]] {
      guard let secret, secret.utf8.count >= 4 else { continue }
      message = message.split(separator: secret, omittingEmptySubsequences: false).joined(separator: "***")
    }
    return message
  }
}

/// Shows where, never with which password.
extension PostgresConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String {
    let host = keywords["host"] ?? keywords["hostaddr"] ?? ""
    let user = keywords["user"].map { "\($0)@" } ?? ""
    let port = keywords["port"].map { ":\($0)" } ?? ""
    return "postgres://\(user)\(host)\(port)/\(keywords["dbname"] ?? "")"
  }

  public var debugDescription: String { description }

  public var customMirror: Mirror { Mirror(self, children: ["server": description]) }
}
