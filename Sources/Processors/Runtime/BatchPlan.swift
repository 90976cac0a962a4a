import Safeguards
import Values
import Wire

/// What is to be done about a batch of events: each idempotency key once. Pure.
struct BatchPlan<Work: Sendable>: Sendable {
  let items: [BatchItem<Work>]
  /// The events of each item: the first, and what repeats it within the batch.
  let events: [[ProcessorEvent]]
  /// Must not be acted on any more.
  let expired: [ProcessorEvent]

  init(_ batch: [ProcessorEvent], now: Timestamp, validate: (ProcessorEvent) -> Validated<Work>) {
    var items: [BatchItem<Work>] = []
    var events: [[ProcessorEvent]] = []
    var expired: [ProcessorEvent] = []
    var index: [String: Int] = [:]
    items.reserveCapacity(batch.count)
    events.reserveCapacity(batch.count)
    index.reserveCapacity(batch.count)
    for event in batch {
      if event.isExpired(at: now), Safeguard.holds(.deadlineHonoured) {
        expired.append(event)
      } else if let first = index[event.idempotencyKey] {
        events[first].append(event)
      } else {
        index[event.idempotencyKey] = items.count
        items.append(BatchItem(idempotencyKey: event.idempotencyKey, work: validate(event)))
        events.append([event])
      }
    }
    self.items = items
    self.events = events
    self.expired = expired
  }

  /// Every event of the batch with what became of it.
  func results(_ settlements: [Settlement]) -> [EventResult] {
    var results = expired.map { EventResult(event: $0, ending: .expired) }
    for (events, settlement) in zip(events, settlements) {
      for (place, event) in events.enumerated() {
        let isRepeat = settlement.wasKnown || place > 0
        results.append(EventResult(event: event, ending: .settled(settlement.outcome, isRepeat: isRepeat)))
      }
    }
    return results
  }
}

/// What became of an event.
public struct EventResult: Sendable {
  public enum Ending: Sendable, Hashable {
    /// `isRepeat`: the outcome is that of an earlier delivery.
    case settled(Outcome, isRepeat: Bool)
    /// Its deadline had passed.
    case expired
    /// Its partition belongs to another member, or the processor ends: nothing is known of it.
    case abandoned
  }

  public let event: ProcessorEvent
  public let ending: Ending

  public init(event: ProcessorEvent, ending: Ending) {
    self.event = event
    self.ending = ending
  }
}
