/// What went wrong in the database client or at the server. Never contains a password.
public struct PostgresError: Error, Sendable, Hashable {
  public enum Code: String, Sendable, Hashable, CaseIterable {
    /// There is no link to the server any more, or none could be made.
    case connection
    /// No answer by the deadline.
    case timeout
    /// The calling task was cancelled.
    case cancelled
    /// The server refused: see `sqlState`.
    case server
    /// A result does not have the type, or the value, that was asked for.
    case decoding
    /// A parameter cannot be sent.
    case encoding
    case configuration
    /// Called after `close()`.
    case closed
    /// The schema and this program's migrations do not fit together.
    case migration
  }

  public let code: Code
  /// Five characters, PostgreSQL manual appendix A; or one's own from `RAISE … USING ERRCODE`.
  public internal(set) var sqlState: String?
  public internal(set) var message: String
  public internal(set) var detail: String?
  public internal(set) var hint: String?
  public internal(set) var constraint: String?
  public internal(set) var table: String?
  public internal(set) var column: String?
  /// Where in the list given to `pipeline` the statement stands that failed, from 0.
  public internal(set) var statement: Int?
  /// The connection is gone: whether what was under way has happened is unknown. In particular a COMMIT that ends this
  /// way may or may not have been done. When false, the connection goes on and the server's answer is final.
  public let isConnectionLost: Bool

  public init(code: Code, message: String, sqlState: String? = nil, isConnectionLost: Bool = false) {
    self.code = code
    self.message = message
    self.sqlState = sqlState
    self.isConnectionLost = isConnectionLost
  }

  /// The same answer of the server, as the result of giving up for `reason`.
  func givenUp(_ reason: Code) -> PostgresError {
    PostgresError(
      code: reason, message: reason == .timeout ? "no answer by the deadline; cancelled" : "cancelled",
      sqlState: sqlState, isConnectionLost: isConnectionLost)
  }

  func inContext(_ context: String) -> PostgresError {
    if code == .migration { return self }
    var copy = self
    copy.message = "\(context): \(message)"
    return copy
  }

  /// The same call may succeed later, on this or on a new connection, without any change.
  public var isRetriable: Bool {
    switch code {
    case .configuration, .decoding, .encoding, .migration, .closed: return false
    case .cancelled: return false
    case .connection, .timeout, .server:
      guard let sqlState else { return code != .server }
      return SQLState.isRetriable(sqlState)
    }
  }
}

extension PostgresError: CustomStringConvertible {
  public var description: String {
    var text = "postgres: \(message)"
    if let detail { text += "; \(detail)" }
    if let hint { text += "; \(hint)" }
    if let sqlState { text += " (\(sqlState))" }
    return text
  }
}

/// The SQLSTATEs that this module acts on (PostgreSQL manual, appendix A).
enum SQLState {
  static let queryCanceled = "57014"
  static let invalidStatementName = "26000"
  static let inFailedTransaction = "25P02"
  static let featureNotSupported = "0A000"

  private static let retriable: Set<String> = [
    "40001",  // serialization_failure
    "40P01",  // deadlock_detected
    "55P03",  // lock_not_available
    "57014",  // query_canceled
    "57P01", "57P02", "57P03", "57P05",  // the server stops, crashed, starts; idle too long
    "25P03",  // idle_in_transaction_session_timeout
    "26000",  // the prepared statement is gone; it is prepared anew
  ]

  static func isRetriable(_ state: String) -> Bool {
    // 08: connection exception. 53: insufficient resources (too many connections, disk full, out of memory).
    retriable.contains(state) || state.hasPrefix("08") || state.hasPrefix("53")
  }
}
