import Engine
import Values

/// What is known of an open instance that no timer wakes, or whose parent has ended.
public struct UnattendedFacts: Sendable {
  public var id: UUIDValue
  public var state: InstanceState
  /// Listening activities that have a row by which an event finds them.
  public var waits: Set<Int> = []
  /// Those instances that its activities wait for and that exist.
  public var children: [UUIDValue: InstanceStatus] = [:]
  /// Whether an open instance with its order key comes before it.
  public var isBehind = false

  public init(id: UUIDValue, state: InstanceState) {
    self.id = id
    self.state = state
  }
}

/// Something that would hang unseen: what the reconciler looks for. Pure.
public struct Forgotten: Sendable, Hashable {
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    /// Its state has a timer that its row lacks.
    case timerLost
    /// It waits for its turn, and nothing is before it.
    case turnLost
    /// It listens, and no event would find it.
    case waitLost
    case childMissing
    /// The instance that it waits for has ended.
    case childEnded
    /// It waits for nothing at all.
    case nothingAwaited
    /// The instance that awaited it has ended.
    case parentEnded
    /// Its timer is long past, although its shard has an owner.
    case overdue
  }

  public let instance: UUIDValue
  public let kind: Kind

  public init(instance: UUIDValue, kind: Kind) {
    self.instance = instance
    self.kind = kind
  }

  /// Whether waking it mends it: then the engine writes the true timer again, or starts it.
  public var isMendedByWaking: Bool { kind == .timerLost || kind == .turnLost }

  /// - Returns: nil when it waits for something that will come by itself, or is not to go on.
  public init?(_ facts: UnattendedFacts) {
    guard let kind = Self.kind(facts) else { return nil }
    self.init(instance: facts.id, kind: kind)
  }

  private static func kind(_ facts: UnattendedFacts) -> Kind? {
    let state = facts.state
    switch state.status {
    case .suspended, .completed, .faulted, .cancelled: return nil
    case .pending: return facts.isBehind ? nil : .turnLost
    case .running, .waiting: break
    }
    if state.wakeAt != nil { return .timerLost }
    let parents = Set(state.activities.compactMap(\.parent))
    let leaves = state.activities.filter { !parents.contains($0.id) }
    var isAwaiting = false
    for activity in leaves {
      switch activity.phase {
      case .listening:
        guard facts.waits.contains(activity.id) else { return .waitLost }
        isAwaiting = true
      case .child(let id):
        guard let status = facts.children[id] else { return .childMissing }
        guard !status.isTerminal else { return .childEnded }
        isAwaiting = true
      default: continue
      }
    }
    return isAwaiting ? nil : .nothingAwaited
  }
}
