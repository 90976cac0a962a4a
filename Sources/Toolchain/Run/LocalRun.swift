import Engine
import Values
import Workflow

/// One workflow, with those that it starts, on the production engine and a virtual clock. Pure.
///
/// The clock jumps to the next thing that is due: an answer of the mocks, an event, an end of a wait, a timeout. Whoever
/// drives it performs the calls that it asks for, and says how they ended.
public struct LocalRun: Sendable {
  public struct Instance: Sendable {
    public let engine: Engine
    public internal(set) var state: InstanceState
    /// The instance that started it, by its place.
    public let parent: Int?
    let isAwaited: Bool
    public internal(set) var tasks = TaskLog()
    public internal(set) var endedAt: Timestamp?
    /// What it listened to when it was last offered the events that are kept.
    var waits: [EventWait] = []

    public var definition: WorkflowDefinition { engine.definition }
    public var isOpen: Bool { !state.status.isTerminal }
  }

  /// A call to be performed; its answer is told with ``answer(_:_:)``.
  public struct Outgoing: Sendable, Hashable {
    public let instance: Int
    /// With secrets in their places.
    public let request: Request
    public let sentAt: Timestamp
  }

  public enum CallResult: Sendable, Hashable {
    case answered(ReplyOutcome, after: Duration)
    case unanswered(reason: String)
  }

  public enum Pause: Sendable, Hashable {
    case perform([Outgoing])
    case ended
  }

  /// What a moment may bring.
  enum Item: Sendable {
    case reply(Int, id: String, ReplyOutcome)
    case undeliverable(Int, id: String, reason: String)
    case start(ChildStart, parent: Int)
    case child(UUIDValue, ChildOutcome, parent: Int)
    case cancelChild(UUIDValue)
    case event(JSON, from: Int?)
    case offer(Int)
    case cancel(Mocks.Cancellation)
  }

  struct KeptEvent: Sendable {
    let event: JSON
    /// With placeholders for secrets.
    let shown: JSON
    let expiresAt: Timestamp
    var isTaken: Bool
  }

  /// An event is kept for what listens later, as long as the mediator keeps it when nothing else is configured.
  static let retention = Duration.seconds(86_400)
  /// A loop over a virtual clock would never end by itself.
  public static let maxMoments = 100_000

  public let start: Timestamp
  public internal(set) var now: Timestamp
  /// The first one is the workflow that was asked for.
  public internal(set) var instances: [Instance] = []
  public internal(set) var records: [RunRecord] = []
  public internal(set) var calls: [SentCall] = []
  public internal(set) var emitted: [(event: JSON, shown: JSON)] = []
  /// Whether it was given up because it goes on and on.
  public internal(set) var isEndless = false

  let catalog: LocalCatalog
  let options: EngineOptions
  let secrets: LocalSecrets
  var mocks: Mocks
  var places: [UUIDValue: Int] = [:]
  var callPlaces: [String: Int] = [:]
  var agenda: [(time: Timestamp, item: Item)] = []
  var kept: [KeptEvent] = []
  var unanswered: [(instance: Int, request: Request, reason: String)] = []
  var outgoing: [Outgoing] = []
  private let maxMoments: Int
  private var moments = 0

  /// - Parameters:
  ///   - input: the raw workflow input.
  ///   - catalog: the other workflows that it may start.
  public init(
    _ definition: WorkflowDefinition, input: JSON, mocks: Mocks = Mocks(), catalog: LocalCatalog = LocalCatalog(),
    options: EngineOptions = EngineOptions(), start: Timestamp = LocalRun.defaultStart,
    maxMoments: Int = LocalRun.maxMoments
  ) {
    self.maxMoments = maxMoments
    self.start = mocks.start ?? start
    now = self.start
    self.catalog = catalog
    self.mocks = mocks
    secrets = LocalSecrets(mocks.secrets)
    var options = options
    options.secrets = secrets.sealed
    self.options = options
    let document = definition.document
    let id = UUIDValue(digestOf: "\(document.namespace)/\(document.name) \(document.version)")
    // What the mocks bring is on the agenda before what the instance asks for at the same moment.
    plan(input)
    begin(Engine(definition: definition, options: options), id, input, parent: nil, isAwaited: false)
  }

  /// The same in every run, so that what depends on the time can be tested.
  public static let defaultStart = Timestamp(microseconds: 1_767_225_600_000_000)

  // MARK: Driving

  /// Goes on until calls have to be performed, or nothing is left to do.
  public mutating func advance() -> Pause {
    while true {
      if !outgoing.isEmpty {
        defer { outgoing = [] }
        return .perform(outgoing)
      }
      // What an instance brought about with its last step is still done: an event goes out, another workflow starts.
      guard instances.contains(where: \.isOpen) || agenda.contains(where: { $0.time <= now }), let next = next() else {
        return .ended
      }
      moments += 1
      guard moments <= maxMoments else {
        isEndless = true
        return .ended
      }
      now = max(now, next.time)
      switch next {
      case .wake(let place, _): step(place) { engine, state, now in engine.wake(&state, now: now) }
      case .item(let index, _): handle(agenda.remove(at: index).item)
      }
    }
  }

  /// Tells how a call ended that ``advance()`` asked for.
  public mutating func answer(_ call: Outgoing, _ result: CallResult) {
    switch result {
    case .answered(let outcome, let duration):
      schedule(.reply(call.instance, id: call.request.id, outcome), at: max(call.sentAt + duration, now))
    case .unanswered(let reason): miss(call.request, of: call.instance, reason)
    }
  }

  private enum Next {
    case wake(Int, Timestamp)
    case item(Int, Timestamp)

    var time: Timestamp {
      switch self {
      case .wake(_, let time), .item(_, let time): time
      }
    }
  }

  private func next() -> Next? {
    var next = agenda.indices.min { agenda[$0].time < agenda[$1].time }.map { Next.item($0, agenda[$0].time) }
    let stuck = stuckInstances()
    for (place, instance) in instances.enumerated() {
      guard let due = instance.wakeAt(isStuck: stuck.contains(place)) else { continue }
      // At the same moment the engine's own time comes first, and of the instances the one that is older.
      if case .wake(_, let time)? = next, time <= due { continue }
      if case .item(_, let time)? = next, time < due { continue }
      next = .wake(place, due)
    }
    return next
  }

  /// Instances with a call that nothing answers, and those that wait for them.
  private func stuckInstances() -> Set<Int> {
    var stuck: Set<Int> = []
    for miss in unanswered where isWaiting(for: miss.request, miss.instance) {
      var place: Int? = miss.instance
      while let current = place {
        stuck.insert(current)
        place = instances[current].isAwaited ? instances[current].parent : nil
      }
    }
    return stuck
  }

  func isWaiting(for request: Request, _ place: Int) -> Bool {
    instances[place].state.activities.contains { activity in
      guard activity.id == request.activity, case .requested(let call) = activity.phase else { return false }
      return call.attempt == request.attempt
    }
  }

  mutating func schedule(_ item: Item, at time: Timestamp) { agenda.append((time, item)) }

  mutating func record(_ fact: RunRecord.Fact, of place: Int?) {
    records.append(RunRecord(time: now, instance: place, fact: fact))
  }
}

extension LocalRun.Instance {
  /// When it has something to do by itself. With a call that the mocks forgot, its timeouts say nothing: they are left
  /// out, so that the run ends waiting and not with an error that nobody meant.
  fileprivate func wakeAt(isStuck: Bool) -> Timestamp? {
    guard let due = state.wakeAt else { return nil }
    guard isStuck, state.unfinished.isEmpty else { return due }
    let work = state.activities.compactMap { activity -> Timestamp? in
      switch activity.phase {
      case .retrying(_, let retryAt): retryAt
      case .waiting(let until): until
      case .trying(let progress): if case .pausing(let until) = progress.stage { until } else { nil }
      default: nil
      }
    }
    return work.contains(due) ? due : nil
  }
}
