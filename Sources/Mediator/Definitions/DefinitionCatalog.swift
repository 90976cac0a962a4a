import Engine
import Safeguards
import Values
import Workflow

/// The definitions known at one moment, ready to run: an immutable value that a turn works with from begin to end.
public struct DefinitionCatalog: Sendable {
  /// One deployed version.
  public struct Entry: Sendable {
    /// The version's number in the store.
    public let number: Int32
    public let engine: Engine
    /// The same for versions that collect events by the same filters in the same order: what one has collected may be
    /// completed by the other.
    let filters: String

    public init(number: Int32, engine: Engine) {
      self.number = number
      self.engine = engine
      let isCollecting = engine.definition.schedule?.on?.takesAll == true
      filters =
        isCollecting
        ? UUIDValue(digestOf: (engine.definition.json["schedule"]?["on"] ?? .null).canonicalText).text : ""
    }

    public var definition: WorkflowDefinition { engine.definition }

    /// `namespace/name`.
    public var workflow: String { "\(definition.document.namespace)/\(definition.document.name)" }

    /// `ce_source` of its processing events.
    public var source: String { "/workflows/\(workflow)/\(definition.document.version)" }
  }

  /// The number of the newest definition or retirement that was read, though it may be none that can be run here.
  public let newest: Int32
  /// Versions that neither events nor schedules start, by number: those that run go on, and parents start them still.
  public let retired: Set<Int32>
  private var entries: [Int32: Entry] = [:]
  private var versions: [String: Entry] = [:]
  /// Of each workflow the highest version, and the highest of those that are not retired.
  private var highestByName: [String: Entry] = [:]
  private var latestByName: [String: Entry] = [:]
  /// The latest version of each workflow that events start, by the literal types of its filters.
  private var triggersByType: [String: [Trigger]] = [:]
  /// Those whose filter names no literal type.
  private var otherTriggers: [Trigger] = []
  private var awaitedByType: [String: [EventFilter]] = [:]
  private var otherAwaited: [EventFilter] = []
  /// Whether anything needs the inbox: listens, collects, keeps an order.
  public private(set) var usesInbox = false
  /// The priorities of those that have one above the lowest, by number.
  public private(set) var weights: [Int32: Int] = [:]
  /// How many calls of those that limit them may be under way, by number.
  public private(set) var maxInFlight: [Int32: Int] = [:]

  /// One filter of one workflow's schedule.
  private struct Trigger {
    let entry: Entry
    let place: Int
    let filter: EventFilter
  }

  public init(_ entries: [Entry] = [], newest: Int32? = nil, retired: Set<Int32> = []) {
    self.newest = newest ?? entries.map(\.number).max() ?? 0
    self.retired = retired
    for entry in entries {
      self.entries[entry.number] = entry
      versions["\(entry.workflow) \(entry.definition.document.version)"] = entry
      addAwaited(entry.definition.awaited)
      if entry.definition.priority > 1 { weights[entry.number] = entry.definition.priority }
      maxInFlight[entry.number] = entry.definition.maxInFlight
      if entry.definition.orderKey != nil { usesInbox = true }
      Self.keepHigher(entry, in: &highestByName)
      if !retired.contains(entry.number) || !Safeguard.holds(.retiredLeft) { Self.keepHigher(entry, in: &latestByName) }
    }
    for entry in latest { addTriggers(entry) }
  }

  private static func keepHigher(_ entry: Entry, in entries: inout [String: Entry]) {
    if let known = entries[entry.workflow], known.definition.document.version >= entry.definition.document.version {
      return
    }
    entries[entry.workflow] = entry
  }

  /// The retired ones after these changes, by number.
  func retired(_ changes: [Int32: Bool]) -> Set<Int32> {
    var retired = retired
    for (number, isRetired) in changes {
      if isRetired { retired.insert(number) } else { retired.remove(number) }
    }
    return retired
  }

  private mutating func addAwaited(_ filters: [EventFilter]) {
    if !filters.isEmpty { usesInbox = true }
    for filter in filters {
      if let type = filter.type { awaitedByType[type, default: []].append(filter) } else { otherAwaited.append(filter) }
    }
  }

  private mutating func addTriggers(_ entry: Entry) {
    guard let consumption = entry.definition.schedule?.on else { return }
    if consumption.takesAll { usesInbox = true }
    for (place, filter) in consumption.filters.enumerated() {
      let trigger = Trigger(entry: entry, place: place, filter: filter)
      if let type = filter.type {
        triggersByType[type, default: []].append(trigger)
      } else {
        otherTriggers.append(trigger)
      }
    }
  }

  public subscript(number: Int32) -> Entry? { entries[number] }
  public var count: Int { entries.count }
  public var all: [Entry] { entries.values.sorted { $0.number < $1.number } }

  /// Of each workflow the version that events and schedules start: the highest that is not retired.
  public var latest: [Entry] { latestByName.values.sorted { $0.number < $1.number } }

  /// - Parameter workflow: `namespace/name`.
  public func latest(of workflow: String) -> Entry? { latestByName[workflow] }

  /// A version that is named. A retired one too: instances under way end as they began, and so do their children.
  ///
  /// - Parameter version: a semantic version, or `latest`.
  public func entry(_ workflow: String, version: String) -> Entry? {
    version == "latest"
      ? latestByName[workflow] ?? highestByName[workflow] : versions["\(workflow) \(version)"]
  }

  /// The channels that any version sends to; instances may be pinned to old ones.
  public var channels: Set<String> { entries.values.reduce(into: []) { $0.formUnion($1.definition.channels) } }

  public struct Triggered: Sendable {
    /// The workflows that the event starts by itself.
    public var entries: [Entry]
    /// The workflows that it starts together with others.
    public var collecting: [Entry] = []
    /// Why a filter could not be evaluated on the event, when that happened.
    public var failures: [String]
  }

  /// Which workflows an event starts: of each, its latest version.
  ///
  /// - Parameter event: the CloudEvents JSON form.
  public func triggered(by event: JSON, type: String) -> Triggered {
    var result = Triggered(entries: [], failures: [])
    var seen: Set<Int32> = []
    for trigger in (triggersByType[type] ?? []) + otherTriggers where !seen.contains(trigger.entry.number) {
      do {
        guard try trigger.filter.matches(event) else { continue }
      } catch {
        result.failures.append("\(trigger.entry.source): \(error.message)")
        continue
      }
      seen.insert(trigger.entry.number)
      let takesAll = trigger.entry.definition.schedule?.on?.takesAll == true
      if takesAll { result.collecting.append(trigger.entry) } else { result.entries.append(trigger.entry) }
    }
    return result
  }

  /// Under which keys something may wait for the event.
  public func keys(of event: JSON, type: String) -> [String] {
    var keys: Set<String> = []
    for filter in (awaitedByType[type] ?? []) + otherAwaited { keys.formUnion(filter.keys(of: event)) }
    return keys.sorted()
  }
}
