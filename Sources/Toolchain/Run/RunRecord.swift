import Engine
import Values

/// One thing that happened in a local run, at its virtual time.
public struct RunRecord: Sendable, Hashable {
  public enum Fact: Sendable, Hashable {
    case journal(JournalEntry)
    /// Nothing says how the call is answered.
    case unanswered(Request, reason: String)
    /// An event arrived: from the mocks, or from the instance that emitted it.
    case event(JSON, isTaken: Bool)
    /// The other workflow is neither given nor mocked.
    case unknownWorkflow(String)
    /// An event of the mocks could not be made.
    case badEvent(String)
    /// It was cancelled from outside.
    case stopped(reason: String)
  }

  public let time: Timestamp
  /// The instance's place in ``LocalRun/instances``; nil for what concerns all.
  public let instance: Int?
  public let fact: Fact
}

/// One call, with all its attempts.
public struct SentCall: Sendable, Hashable {
  public let instance: Int
  public let channel: String
  public let task: String
  public let reference: String
  /// As the processor gets it.
  public let data: JSON
  /// With placeholders for secrets.
  public let shownData: JSON
  public var attempts: Int
  /// When the first attempt went out.
  public let at: Timestamp
}

/// What still has to happen for the run to go on.
public struct Obstacle: Sendable, Hashable {
  public enum Kind: String, Sendable, Hashable {
    case call, event
  }

  public let kind: Kind
  public let task: String
  public let reference: String
  public let detail: String
}
