import Kafka
import Values
import Wire

/// Acts on events. What it takes on it settles once, in the call or later.
public protocol EventSink: Sendable {
  /// How many more events it can take on now.
  var room: Int { get async }

  /// - Parameter settle: told what became of the events, in one call or several.
  /// - Throws: `store` or `conflict`; then none of these events has been settled, and they are to be handed over again.
  func take(_ events: [ProcessorEvent], settle: @escaping @Sendable ([EventResult]) -> Void)
    async throws(ProcessorError)

  /// Other members own these partitions: events of theirs that nothing has been done for yet are given up.
  func abandon(_ partitions: Set<TopicPartition>) async

  /// Gives up all that has not begun and returns when nothing is under way.
  func close() async
}

/// The effect is in Postgres, in the same transaction as the inbox.
public protocol BatchHandler: Sendable {
  associatedtype Work: Sendable
  /// Pure: everything that can be known to be wrong without the database is found here.
  func validate(_ event: ProcessorEvent) -> Validated<Work>
}

/// Settles every batch within the turn that brought it.
public struct BatchSink<Handler: BatchHandler, Store: BatchStore>: EventSink where Store.Work == Handler.Work {
  private let handler: Handler
  private let store: Store
  private let clock: any ProcessorClock

  public init(handler: Handler, store: Store, clock: any ProcessorClock) {
    self.handler = handler
    self.store = store
    self.clock = clock
  }

  public var room: Int { Int.max }

  public func take(
    _ events: [ProcessorEvent], settle: @escaping @Sendable ([EventResult]) -> Void
  ) async throws(ProcessorError) {
    for attempt in 1... {
      let plan = BatchPlan(events, now: clock.now(), validate: handler.validate)
      do {
        let settlements = plan.items.isEmpty ? [] : try await store.settle(plan.items)
        return settle(try repeating(plan.results(settlements)))
      } catch  where error.code == .conflict && attempt < 3 {
        continue
      }
    }
  }

  /// Where no mediator repeats a failed attempt, the whole batch is handed over again: the inbox knows the others.
  private func repeating(_ results: [EventResult]) throws(ProcessorError) -> [EventResult] {
    for result in results {
      guard case .settled(.failed(let failure), _) = result.ending,
        result.event.isRepeatedHere(.failed(failure))
      else { continue }
      throw ProcessorError(.store, failure.problem.detail ?? "the effect is not possible at the moment")
    }
    return results
  }

  public func abandon(_ partitions: Set<TopicPartition>) {}
  public func close() {}
}
