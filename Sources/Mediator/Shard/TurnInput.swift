import Engine
import Kafka
import Values
import Wire
import Workflow

/// What one source record asks for, before any instance has been looked at.
enum TurnInput: Sendable {
  case event(IncomingEvent)
  case reply(ReplyOutcome, requestID: String, instance: UUIDValue)
  case deadLetter(reason: String, detail: String)
  /// Counted and passed over.
  case ignored(IgnoredReason)

  /// The instances that have to be known before this can be done.
  var instances: [UUIDValue] {
    switch self {
    case .event(let event): event.starts.map(\.id)
    case .reply(_, _, let id): [id]
    case .deadLetter, .ignored: []
    }
  }

  /// The order keys that instances started by this will have.
  var orderKeys: [String] {
    guard case .event(let event) = self else { return [] }
    return event.starts.compactMap(\.orderKey)
  }
}

/// An event, and what it is good for.
struct IncomingEvent: Sendable {
  let id: String
  let source: String
  /// The CloudEvents JSON form.
  let json: JSON
  /// The instances that it starts here.
  var starts: [Start] = []
  /// What other shards have to do with it.
  var dispatches: [OfferedEvent.Dispatch] = []
  /// Under which keys listeners may wait for it.
  var keys: [String] = []
  /// Why it could not be what it was to be to some workflow: each is a dead letter.
  var failures: [String] = []

  struct Start: Sendable {
    let id: UUIDValue
    let entry: DefinitionCatalog.Entry
    let orderKey: String?
  }
}

/// Why an input changed nothing. Each is a counter.
public enum IgnoredReason: String, Sendable, Hashable, CaseIterable {
  /// The event had started its instance before.
  case duplicateEvent
  /// A reply to an instance that has ended.
  case terminal
  /// A reply to an attempt or a task execution that is over.
  case stale
  /// A reply to something that was never asked.
  case forged
  /// A timer that had been overtaken.
  case early
  /// An event that no listening task wanted after all.
  case unwanted
  /// An operator's command that the instance's state did not allow.
  case refused
}

extension IgnoredReason {
  init(_ reason: Disposition.Reason) {
    switch reason {
    case .terminal: self = .terminal
    case .stale: self = .stale
    case .forged: self = .forged
    case .early: self = .early
    case .unwanted: self = .unwanted
    }
  }
}
