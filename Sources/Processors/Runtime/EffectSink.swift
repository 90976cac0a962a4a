import Hosting
import Kafka
import Values
import Wire

/// The effect is outside of Postgres: it cannot be part of a transaction, so it happens at least once.
public protocol EffectHandler: Sendable {
  associatedtype Work: Sendable

  /// Pure. What is refused here has no effect and is not remembered: the same event would be refused again.
  func validate(_ event: ProcessorEvent) -> Validated<Work>

  /// Events of one lane are acted on one after the other, in order; lanes do not wait for each other.
  func lane(of work: Work, for event: ProcessorEvent) -> String

  /// Acts, and records what it will do before it does it, and the outcome before it returns.
  ///
  /// - Throws: `store` if nothing has been done yet; it is called again then.
  func perform(
    _ work: Work, for event: ProcessorEvent, in context: EffectContext
  ) async throws(ProcessorError) -> EffectEnding
}

public enum EffectEnding: Sendable, Hashable {
  /// A final outcome is in the inbox.
  case settled(Outcome)
  case expired
  /// `EffectContext.pause` said to give up.
  case abandoned
}

/// What was settled before.
public protocol Inbox: Sendable {
  func find(_ keys: [String]) async throws(ProcessorError) -> [String: Outcome]
}

/// Acts on events concurrently, in order per lane, and settles each when its effect is done.
public actor EffectSink<Handler: EffectHandler>: EventSink {
  private final class Entry {
    let work: Handler.Work
    let settle: @Sendable ([EventResult]) -> Void
    let context: EffectContext
    /// The event, and other deliveries of it that have come since.
    var events: [ProcessorEvent]

    init(
      _ events: [ProcessorEvent], _ work: Handler.Work, _ context: EffectContext,
      _ settle: @escaping @Sendable ([EventResult]) -> Void
    ) {
      self.events = events
      self.work = work
      self.context = context
      self.settle = settle
    }
  }

  private let handler: Handler
  private let inbox: any Inbox
  private let clock: any ProcessorClock
  private let capacity: Int
  private let permits: Permits
  private let storeLog: StateLog
  private var entries: [String: Entry] = [:]
  /// Keys of entries, by lane and in order. A lane is there as long as a task works on it.
  private var lanes: [String: [String]] = [:]
  private var isClosing = false
  private var closers: [CheckedContinuation<Void, Never>] = []

  /// - Parameters:
  ///   - capacity: the most events taken on and not settled.
  ///   - concurrency: the most effects at the same moment; see `EffectContext.permits`.
  public init(
    handler: Handler, inbox: any Inbox, clock: any ProcessorClock, storeLog: StateLog, capacity: Int = 1000,
    concurrency: Int = 16
  ) {
    self.handler = handler
    self.inbox = inbox
    self.clock = clock
    self.storeLog = storeLog
    self.capacity = capacity
    permits = Permits(concurrency)
  }

  public var room: Int { isClosing ? 0 : capacity - entries.count }

  public func take(
    _ events: [ProcessorEvent], settle: @escaping @Sendable ([EventResult]) -> Void
  ) async throws(ProcessorError) {
    let plan = BatchPlan(events, now: clock.now(), validate: handler.validate)
    let found = plan.items.isEmpty ? [:] : try await inbox.find(plan.items.map(\.idempotencyKey))
    var results = plan.expired.map { EventResult(event: $0, ending: .expired) }
    for (item, events) in zip(plan.items, plan.events) {
      if let outcome = found[item.idempotencyKey] {
        results += events.map { EventResult(event: $0, ending: .settled(outcome, isRepeat: true)) }
      } else if let entry = entries[item.idempotencyKey] {
        entry.events += events
      } else {
        switch item.work {
        case .refused(let failure):
          results += events.map { EventResult(event: $0, ending: .settled(.failed(failure), isRepeat: false)) }
        case .work(let work): enqueue(events, work, settle)
        }
      }
    }
    if !results.isEmpty { settle(results) }
  }

  private func enqueue(
    _ events: [ProcessorEvent], _ work: Handler.Work, _ settle: @escaping @Sendable ([EventResult]) -> Void
  ) {
    guard let event = events.first else { return }
    let entry = Entry(events, work, EffectContext(permits: permits, clock: clock), settle)
    if isClosing { entry.context.abandon() }
    entries[event.idempotencyKey] = entry
    let lane = handler.lane(of: work, for: event)
    let isNew = lanes[lane] == nil
    lanes[lane, default: []].append(event.idempotencyKey)
    if isNew { Task { await run(lane) } }
  }

  private func run(_ lane: String) async {
    while let key = lanes[lane]?.first, let entry = entries[key], let event = entry.events.first {
      var ending = await act(entry.work, event, entry.context)
      // A later attempt may have joined, which has more time.
      while ending == .expired, let next = entry.events.first(where: { !$0.isExpired(at: clock.now()) }) {
        let now = clock.now()
        entry.settle(results(of: entry.events.filter { $0.isExpired(at: now) }, .expired))
        entry.events.removeAll { $0.isExpired(at: now) }
        ending = await act(entry.work, next, entry.context)
      }
      lanes[lane]?.removeFirst()
      entries[key] = nil
      entry.settle(results(of: entry.events, ending))
    }
    lanes[lane] = nil
    if lanes.isEmpty { wakeClosers() }
  }

  private func act(
    _ work: Handler.Work, _ event: ProcessorEvent, _ context: EffectContext
  ) async -> EffectEnding {
    var backoff = Backoff(base: .milliseconds(200), cap: .seconds(10))
    while true {
      if context.isAbandoned { return .abandoned }
      if event.isExpired(at: clock.now()) { return .expired }
      var delay = backoff.next(random: .random(in: 0.5...1))
      do {
        let ending = try await handler.perform(work, for: event, in: context)
        storeLog.up()
        guard case .settled(.failed(let failure)) = ending, event.isRepeatedHere(.failed(failure)) else {
          return ending
        }
        delay = max(delay, failure.retryAfter ?? .zero)
      } catch {
        storeLog.down(error.message)
      }
      guard await context.pause(delay) else { return .abandoned }
    }
  }

  private func results(of events: [ProcessorEvent], _ ending: EffectEnding) -> [EventResult] {
    events.enumerated().map { place, event in
      let end: EventResult.Ending =
        switch ending {
        case .settled(let outcome): .settled(outcome, isRepeat: place > 0)
        case .expired: .expired
        case .abandoned: .abandoned
        }
      return EventResult(event: event, ending: end)
    }
  }

  public func abandon(_ partitions: Set<TopicPartition>) {
    for entry in entries.values where entry.events.allSatisfy({ partitions.contains($0.place.partition) }) {
      entry.context.abandon()
    }
  }

  public func close() async {
    isClosing = true
    for entry in entries.values { entry.context.abandon() }
    guard !lanes.isEmpty else { return }
    await withCheckedContinuation { closers.append($0) }
  }

  private func wakeClosers() {
    for closer in closers { closer.resume() }
    closers = []
  }
}
