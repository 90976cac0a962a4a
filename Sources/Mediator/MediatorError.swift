/// What goes wrong in the mediator, by what there is to do about it.
public struct MediatorError: Error, Hashable, CustomStringConvertible {
  public enum Code: String, Sendable {
    /// Another owner has the shard; this one may write nothing more.
    case fenced
    /// What the batch was planned with has changed in the meantime (an instance was started elsewhere, an event that
    /// was to expire is wanted): load again and plan again.
    case conflict
    /// Postgres refused the data itself; the same data will be refused again.
    case unstorable
    /// Postgres cannot be reached or cannot work, or the outcome of a commit is unknown.
    case store
    /// Kafka cannot be read.
    case source
    /// Kafka did not take what had to be published.
    case publish
    /// Going on would lose or repeat records in silence; an operator has to decide.
    case halted
    /// What is configured does not fit what is there.
    case configuration
    /// The store's tables are of an older version than this program.
    case outdated
    /// A definition was refused.
    case definition
  }

  public let code: Code
  public let message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { message }
}
