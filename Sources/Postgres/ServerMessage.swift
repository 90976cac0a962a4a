import CLibPQ

/// Makes typed errors of what libpq and the server say.
enum ServerMessage {
  /// Field codes are those of the protocol (PostgreSQL manual section 55.8); their macros cannot be imported.
  ///
  /// The error in a result of status `PGRES_FATAL_ERROR`. A FATAL or PANIC ends the session at the server.
  static func error(_ result: OpaquePointer, statement: Int?, _ configuration: PostgresConfiguration) -> PostgresError {
    func field(_ code: Unicode.Scalar) -> String? {
      PQresultErrorField(result, Int32(code.value)).map { configuration.redact(String(cString: $0)) }
    }
    let severity = field("V") ?? field("S")
    let state = field("C")
    let plain = tidy(String(cString: PQresultErrorMessage(result)))
    var error = PostgresError(
      code: state == nil ? .connection : .server,
      message: field("M") ?? configuration.redact(plain), sqlState: state,
      isConnectionLost: state == nil || severity == "FATAL" || severity == "PANIC")
    error.detail = field("D")
    error.hint = field("H")
    error.constraint = field("n")
    error.table = field("t")
    error.column = field("c")
    error.statement = statement
    return error
  }

  /// libpq's messages end in a line feed and can have several lines.
  static func tidy(_ message: String) -> String {
    message.split(whereSeparator: \.isNewline).map { $0.drop { $0 == "\t" } }.joined(separator: "; ")
  }

  /// Splits `… FATAL:  28P01: password authentication failed …` (the verbose form) into SQLSTATE and message.
  static func connectFailure(_ message: String) -> (sqlState: String?, message: String) {
    let lines = message.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("LOCATION:") }
    let text = tidy(lines.joined(separator: "\n"))
    guard let range = text.firstRange(of: ":  ") else { return (nil, text) }
    let state = text[range.upperBound...].prefix(5)
    let rest = text[range.upperBound...].dropFirst(5)
    guard state.utf8.count == 5, rest.hasPrefix(": "),
      state.utf8.allSatisfy({ (48...57).contains($0) || (65...90).contains($0) })
    else { return (nil, text) }
    return (String(state), String(text[..<range.upperBound] + rest.dropFirst(2)))
  }
}
