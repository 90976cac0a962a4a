import Values
import Workflow

/// One filter of an open `listen`, and the key under which it is found for an event.
public struct EventWait: Sendable, Hashable {
  public let activity: Int
  /// The place of the filter in `EventConsumption.allFilters`.
  public let filter: Int
  public let type: String
  public let key: String

  public init(activity: Int, filter: Int, type: String, key: String) {
    self.activity = activity
    self.filter = filter
    self.type = type
    self.key = key
  }
}

extension Engine {
  /// What the instance listens to.
  public func waits(of state: InstanceState) -> [EventWait] {
    guard !state.status.isTerminal else { return [] }
    var waits: [EventWait] = []
    for activity in state.activities {
      guard case .listening(let progress) = activity.phase, !progress.isClosed,
        case .listen(let listen)? = definition.task(at: activity.reference)?.kind
      else { continue }
      waits += Self.waits(activity.id, progress, listen.to)
    }
    return waits
  }

  private static func waits(_ activity: Int, _ progress: ListenProgress, _ consumption: EventConsumption) -> [EventWait]
  {
    var waits: [EventWait] = []
    let filters = consumption.allFilters
    for (place, filter) in filters.enumerated() {
      let isMain = place < consumption.filters.count
      let isOnce = isMain ? consumption.takesAll : consumption.until?.takesAll ?? false
      if isOnce, progress.matched.indices.contains(place), progress.matched[place] { continue }
      waits.append(
        EventWait(
          activity: activity, filter: place, type: filter.type ?? EventFilter.anyType,
          key: filter.key(expecting: progress.known(filter, at: place))))
    }
    if consumption.isEveryEvent {
      waits.append(
        EventWait(activity: activity, filter: filters.count, type: EventFilter.anyType, key: EventFilter.anyType))
    }
    return waits
  }
}

extension ListenProgress {
  /// The values that all of a filter's correlations expect; nil while one is open.
  fileprivate func known(_ filter: EventFilter, at place: Int) -> JSONObject? {
    var values: JSONObject = [:]
    for correlation in filter.correlations {
      let expected = self.expected.indices.contains(place) ? self.expected[place][correlation.name] : nil
      guard let value = expected ?? established[correlation.name] else { return nil }
      values[correlation.name] = value
    }
    return values
  }
}

extension EventConsumption.Until {
  fileprivate var takesAll: Bool { if case .events(let consumption) = self { consumption.takesAll } else { false } }
}
