import Engine
import Values
import Wire
import Workflow

/// What has to be asked of the store before a turn's work can be planned. Pure.
struct TurnNeeds {
  private(set) var instances: Set<UUIDValue> = []
  private(set) var orderKeys: Set<String> = []
  private(set) var collections: Set<CollectedEvent.Collection> = []
  /// Instances that an operator may open again: then it matters whether their order keys are held by others.
  private(set) var operated: Set<UUIDValue> = []

  init(_ work: ArraySlice<TurnWork>, _ decoder: InputDecoder) {
    for item in work {
      instances.formUnion(item.instances)
      switch item {
      case .record(_, let input): orderKeys.formUnion(input.orderKeys)
      case .inbox(let item): add(item, decoder)
      case .command(let queued): operated.insert(queued.command.instance)
      case .overdue(let item): collections.insert(item.event.collection)
      default: continue
      }
    }
  }

  private mutating func add(_ item: InboxItem, _ decoder: InputDecoder) {
    guard let entry = item.workflow.flatMap({ decoder.catalog.latest(of: $0) }),
      let event = try? decoder.cloudEvent(item.record)
    else { return }
    switch item.kind {
    case .event: return
    case .start:
      instances.insert(InputDecoder.start(entry, event, nil).id)
      if let key = try? InputDecoder.orderKey(of: event.json, for: entry) { orderKeys.insert(key) }
    case .collect:
      let filters = entry.definition.schedule?.on?.filters ?? []
      collections.formUnion(filters.compactMap { TurnPlan.collection(of: event.json, by: $0, for: entry) })
    }
  }
}

extension StoredInstance {
  /// Whether its last step left something for the next one.
  var hasUnfinishedStep: Bool { !state.unfinished.isEmpty }
}
