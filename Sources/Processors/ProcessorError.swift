/// What goes wrong in a processor, by what there is to do about it. That an event cannot be acted on is no error of the
/// processor: it is the event's ``Outcome``.
public struct ProcessorError: Error, Hashable, CustomStringConvertible {
  public enum Code: String, Sendable {
    /// Postgres cannot be reached or cannot work, or the outcome of a commit is unknown: the same again later.
    case store
    /// Another member has settled an event of the batch in the meantime: the same again now, the inbox knows it.
    case conflict
    /// Kafka cannot be read at the moment.
    case source
    /// The group has gone on without this member, which is about to be told so and to join again by itself.
    case fenced
    /// The consumer can do nothing more: a new one has to join the group.
    case memberLost
    /// What is configured does not make sense, or does not fit what is there.
    case configuration
  }

  public let code: Code
  public let message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { message }
}
