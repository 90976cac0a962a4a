import Engine
import Kafka
import Mediator
import Safeguards
import Values

/// Waits, kept events and the inbox in memory, as the statements of the store have them.
struct EventTables {
  struct Event {
    let number: Int64
    let shard: Int32
    let offered: OfferedEvent
    var isConsumed: Bool
    var isUsed: Bool
  }

  private(set) var waits: [(shard: Int32, instance: UUIDValue, key: String, isBehind: Bool)] = []
  private(set) var events: [Event] = []
  private(set) var inbox: [(shard: Int32, item: InboxItem)] = []
  /// Which instances have taken an event, by its id.
  private(set) var takers: [String: [UUIDValue]] = [:]
  private(set) var collected: [CollectedEvent] = []
  /// Which shard has collected an event.
  private var homes: [Int64: Int32] = [:]
  private(set) var schedules: [String: (shard: Int32, row: ScheduleRow)] = [:]
  private var nextNumber: Int64 = 1
  /// Items that stayed in the inbox once though they were handled.
  private var stayed: Set<Int64> = []

  /// - Parameter seen: what the transaction sees of the others' events and waits; nil: all that there is.
  /// - Returns: which promises the batch breaks.
  mutating func apply(_ batch: ShardBatch, _ shard: Int32, seeing seen: EventTables?) -> [String] {
    var violations: [String] = []
    for item in batch.handled {
      guard let done = inbox.first(where: { $0.item.number == item.number }) else {
        violations.append("the item \(item.number) is handled and was not there")
        continue
      }
      if Safeguard.holds(.itemHandledOnce) || !stayed.insert(item.number).inserted {
        inbox.removeAll { $0.item.number == item.number }
      }
      if item.isConsumed, let taker = done.item.instance {
        takers[done.item.record.headers.text("ce_id") ?? "", default: []].append(taker)
      }
      if item.isConsumed, let place = events.firstIndex(where: { $0.number == item.event }) {
        events[place].isConsumed = true
        events[place].isUsed = true
      }
    }
    let (waits, events) = (seen?.waits, seen?.events)
    for event in batch.offered { offer(event, shard, waits ?? self.waits) }
    for change in batch.waits { wait(change, shard, batch.at, events ?? self.events) }
    for page in batch.pages {
      turn(
        page.instance, shard, after: page.after, size: min(page.size, Self.maxPage), batch.at, events ?? self.events)
    }
    self.events.removeAll { event in batch.expired.contains { $0.number == event.number } }
    collected.removeAll { batch.uncollected.contains($0) }
    collected += batch.collected
    for event in batch.collected { homes[event.number] = shard }
    for row in batch.schedules {
      if let known = schedules[row.workflow], known.shard != shard || known.row.definition > row.definition {
        violations.append("the schedule of \(row.workflow) goes back to the version \(row.definition)")
      }
      schedules[row.workflow] = (shard, row)
    }
    for workflow in batch.unscheduled { schedules[workflow] = nil }
    return violations
  }

  /// An item without its event is none: the statement joins them.
  func inbox(_ shard: Int32, limit: Int) -> [InboxItem] {
    let kept = Set(events.map(\.number))
    return Array(inbox.filter { $0.shard == shard && kept.contains($0.item.event) }.map(\.item).prefix(limit))
  }

  private mutating func offer(
    _ event: OfferedEvent, _ shard: Int32, _ waits: [(shard: Int32, instance: UUIDValue, key: String, isBehind: Bool)]
  ) {
    guard !events.contains(where: { $0.offered.source == event.source && $0.offered.id == event.id }) else { return }
    let number = takeNumber()
    events.append(
      Event(
        number: number, shard: shard, offered: event, isConsumed: event.keys.isEmpty, isUsed: event.isUsed))
    for dispatch in event.dispatches {
      add(dispatch.shard, dispatch.kind, nil, dispatch.workflow, number, event.record)
    }
    for wait in waits where event.keys.contains(wait.key) && !wait.isBehind {
      add(wait.shard, .event, wait.instance, nil, number, event.record)
    }
  }

  private mutating func wait(_ change: WaitChange, _ shard: Int32, _ now: Timestamp, _ events: [Event]) {
    waits.removeAll { $0.instance == change.instance }
    for wait in change.waits { waits.append((shard, change.instance, wait.key, false)) }
    guard Safeguard.holds(.keptEventsOffered) else { return }
    turn(change.instance, shard, after: 0, size: Self.firstPage, now, events)
  }

  /// Pages so small that there are several of them.
  private static let (firstPage, maxPage) = (1, 2)

  /// Offers the next page of the kept events.
  private mutating func turn(
    _ instance: UUIDValue, _ shard: Int32, after: Int64, size: Int, _ now: Timestamp, _ events: [Event]
  ) {
    let keys = waits.filter { $0.instance == instance }.map(\.key)
    let kept = events.filter { event in
      event.number > after && !event.isConsumed && event.offered.expiresAt > now
        && event.offered.keys.contains { keys.contains($0) }
    }
    let page = kept.prefix(size)
    let isFull = page.count == size
    for index in waits.indices where waits[index].instance == instance { waits[index].isBehind = isFull }
    for event in page {
      let end = isFull && event.number == page.last?.number ? size : nil
      add(shard, .event, instance, nil, event.number, event.offered.record, page: end)
    }
  }

  private mutating func add(
    _ shard: Int32, _ kind: InboxItem.Kind, _ instance: UUIDValue?, _ workflow: String?, _ event: Int64,
    _ record: KafkaRecord, page: Int? = nil
  ) {
    let known = inbox.firstIndex {
      $0.item.event == event && $0.item.instance == instance && $0.item.workflow == workflow
    }
    if known != nil, page == nil { return }
    let number = known.map { inbox[$0].item.number } ?? takeNumber()
    let item = InboxItem(
      number: number, kind: kind, instance: instance, workflow: workflow, event: event, record: record, page: page)
    if let known { inbox[known].item = item } else { inbox.append((shard, item)) }
  }

  private mutating func takeNumber() -> Int64 {
    nextNumber += 1
    return nextNumber
  }

  func expired(_ shard: Int32, at now: Timestamp, limit: Int) -> [ExpiredEvent] {
    let due = events.filter { event in
      event.shard == shard && event.offered.expiresAt <= now && !inbox.contains { $0.item.event == event.number }
        && !collected.contains { $0.number == event.number }
    }
    return due.prefix(limit).map {
      ExpiredEvent(number: $0.number, unused: $0.isUsed ? nil : $0.offered.record, keys: $0.offered.keys)
    }
  }

  /// Whether what was found out about these events still holds.
  func mayExpire(_ expired: [ExpiredEvent]) -> Bool {
    expired.allSatisfy { item in
      guard let event = events.first(where: { $0.number == item.number }) else { return false }
      return !(item.unused != nil && event.isUsed) && !inbox.contains { $0.item.event == item.number }
        && !collected.contains { $0.number == item.number }
    }
  }

  func overdue(_ shard: Int32, at now: Timestamp, limit: Int) -> [OverdueEvent] {
    let due = collected.compactMap { item -> OverdueEvent? in
      guard homes[item.number] == shard, let event = events.first(where: { $0.number == item.number }),
        event.offered.expiresAt <= now
      else { return nil }
      return OverdueEvent(event: item, record: event.offered.record)
    }
    return Array(due.prefix(limit))
  }
}
