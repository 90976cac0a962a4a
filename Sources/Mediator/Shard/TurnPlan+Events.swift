import Engine
import Kafka
import Values
import Wire
import Workflow

/// Events that are not (only) handled where they arrived: listened to, handed to another shard, collected.
extension TurnPlan {
  mutating func offer(_ event: IncomingEvent, _ record: KafkaRecord, _ retention: Duration) {
    guard !event.keys.isEmpty || !event.dispatches.isEmpty else { return }
    batch.offered.append(
      OfferedEvent(
        record: record, source: event.source, id: event.id, keys: event.keys,
        isUsed: !event.starts.isEmpty || !event.dispatches.isEmpty, expiresAt: now + retention,
        dispatches: event.dispatches))
  }

  mutating func expire(_ event: ExpiredEvent) {
    batch.expired.append(event)
    guard let record = event.unused else { return }
    quarantine(record, reason: "expired", detail: "nothing that listens took the event in its time")
  }

  /// A collected event whose counterpart has not come in its time; unless it has come in this very turn.
  mutating func expire(_ overdue: OverdueEvent) {
    let event = overdue.event
    guard let place = collections[event.collection]?.firstIndex(of: event) else { return }
    collections[event.collection]?.remove(at: place)
    batch.uncollected.append(event)
    quarantine(
      overdue.record, reason: "expired",
      detail: "the other events that \(event.collection.workflow) needs with it did not come in its time")
  }

  /// Does what another transaction found out is to be done.
  mutating func handle(_ item: InboxItem, _ decoder: InputDecoder) {
    var isConsumed = false
    do {
      let event = try decoder.cloudEvent(item.record)
      switch item.kind {
      case .event: isConsumed = deliver(event, item)
      case .start:
        batch.newestDefinition = catalog.newest
        try start(event, item)
      case .collect:
        batch.newestDefinition = catalog.newest
        collect(event, item)
      }
    } catch let error as ExpressionError {
      quarantine(item.record, reason: "orderKeyFailed", detail: error.message)
    } catch {
      // It could be read when it arrived; what can have changed is the configuration.
      quarantine(item.record, reason: "unreadable", detail: "\(error)")
    }
    finish(item, isConsumed: isConsumed)
  }

  mutating func finish(_ item: InboxItem, isConsumed: Bool) {
    batch.handled.append(HandledItem(number: item.number, event: item.event, isConsumed: isConsumed))
    guard let size = item.page, let instance = item.instance else { return }
    if let known = pageEnds[instance], known.event > item.event { return }
    pageEnds[instance] = (item.event, size)
  }

  /// Who still waits for the same is offered the next page; who waits for something else begins with the first one.
  func nextPages() -> [WaitPage] {
    let changed = Set(batch.waits.map(\.instance))
    var pages: [WaitPage] = []
    for (id, end) in pageEnds where !changed.contains(id) {
      guard let instance = instances[id], let engine = catalog[instance.definition]?.engine else { continue }
      let waits = engine.waits(of: instance.state)
      guard !waits.isEmpty else { continue }
      pages.append(WaitPage(instance: id, waits: waits, after: end.event, size: WaitPage.size(after: end.size)))
    }
    return pages.sorted { ($0.instance.high, $0.instance.low) < ($1.instance.high, $1.instance.low) }
  }

  private mutating func deliver(_ event: CloudEvent, _ item: InboxItem) -> Bool {
    guard let id = item.instance else { return false }
    // What started an instance is nothing that it still waits for.
    if let instance = instances[id], instance.eventID == event.id, instance.eventSource == event.source {
      ignore(.unwanted)
      return false
    }
    return step(id) { engine, state, now in engine.event(event.json, state: &state, now: now) } == .applied
  }

  private mutating func start(_ event: CloudEvent, _ item: InboxItem) throws {
    guard let entry = item.workflow.flatMap({ catalog.latest(of: $0) }) else { return unwanted(item) }
    let orderKey = try InputDecoder.orderKey(of: event.json, for: entry)
    let incoming = IncomingEvent(id: event.id, source: event.source, json: event.json)
    start(InputDecoder.start(entry, event, orderKey), incoming, key: item.record.key)
  }

  /// The workflow that the event was meant for is not what it was. Nothing is lost in silence.
  private mutating func unwanted(_ item: InboxItem) {
    let workflow = item.workflow ?? ""
    if catalog.latest(of: workflow) == nil { unknownWorkflows.insert(workflow) }
    quarantine(
      item.record, reason: InputDecoder.unknownType, detail: "the workflow \(workflow) takes the event no longer")
  }

  // MARK: Collecting

  private mutating func collect(_ event: CloudEvent, _ item: InboxItem) {
    guard let entry = item.workflow.flatMap({ catalog.latest(of: $0) }),
      case .all(let filters)? = entry.definition.schedule?.on
    else { return unwanted(item) }
    let places = filters.enumerated().compactMap { place, filter in
      Self.collection(of: event.json, by: filter, for: entry).map { (place, $0) }
    }
    // One event is one of those that are needed, though several filters may let it in.
    let missing = places.first { place, collection in
      collections[collection]?.contains { $0.filter == place } != true
    }
    guard let (place, collection) = missing ?? places.first else { return unwanted(item) }
    let collected = CollectedEvent(collection: collection, filter: place, number: item.event, event: event.json)
    batch.collected.append(collected)
    collections[collection, default: []].append(collected)
    complete(collection, of: entry, filters: filters.count, key: item.record.key)
  }

  /// The collection that the event belongs to; nil when the filter does not let it in.
  static func collection(
    of event: JSON, by filter: EventFilter, for entry: DefinitionCatalog.Entry
  ) -> CollectedEvent.Collection? {
    guard (try? filter.matches(event)) == true else { return nil }
    var values: JSONObject = [:]
    for correlation in filter.correlations {
      guard let value = try? correlation.from.evaluate(event, variables: { _ in nil }) else { return nil }
      if let expected = correlation.expect {
        guard let wanted = try? expected.evaluate(event, variables: { _ in nil }), wanted.hasSameValue(as: value)
        else { return nil }
      } else {
        values[correlation.name] = value
      }
    }
    return CollectedEvent.Collection(
      workflow: entry.workflow, correlation: "\(entry.filters) \(JSON.object(values).canonicalText)")
  }

  /// Starts the workflow with the oldest event of each filter, once each filter has one.
  private mutating func complete(
    _ collection: CollectedEvent.Collection, of entry: DefinitionCatalog.Entry, filters: Int, key: [UInt8]?
  ) {
    let events = (collections[collection] ?? []).sorted { $0.number < $1.number }
    let chosen = (0..<filters).compactMap { place in events.first { $0.filter == place } }
    guard chosen.count == filters else { return }
    collections[collection] = events.filter { !chosen.contains($0) }
    for event in chosen {
      if let place = batch.collected.firstIndex(of: event) {
        batch.collected.remove(at: place)
      } else {
        batch.uncollected.append(event)
      }
    }
    let source = TurnPlan.scheduleSource(entry.workflow)
    let id = chosen.map { String($0.number) }.joined(separator: "+")
    begin(
      entry, id: InstanceID.make(workflow: entry.workflow, source: source, id: id), input: .array(chosen.map(\.event)),
      key: key, eventID: id, eventSource: source)
  }
}
