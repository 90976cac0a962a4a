import Engine
import Values
import Workflow

/// The definitions known at one moment, ready to run: an immutable value that a turn works with from begin to end.
public struct DefinitionCatalog: Sendable {
  /// One deployed version.
  public struct Entry: Sendable {
    /// The version's number in the store.
    public let number: Int32
    public let engine: Engine

    public init(number: Int32, engine: Engine) {
      self.number = number
      self.engine = engine
    }

    public var definition: WorkflowDefinition { engine.definition }

    /// `ce_source` of its processing events.
    public var source: String {
      let document = definition.document
      return "/workflows/\(document.namespace)/\(document.name)/\(document.version)"
    }
  }

  private var entries: [Int32: Entry] = [:]
  /// The latest version of each workflow that events start, by the literal type of its filter.
  private var triggersByType: [String: [Entry]] = [:]
  /// Those whose filter names no literal type.
  private var otherTriggers: [Entry] = []

  public init(_ entries: [Entry] = []) {
    var latest: [String: Entry] = [:]
    for entry in entries {
      self.entries[entry.number] = entry
      let document = entry.definition.document
      let name = "\(document.namespace)/\(document.name)"
      if let known = latest[name], known.definition.document.version >= document.version { continue }
      latest[name] = entry
    }
    for entry in latest.values.sorted(by: { $0.number < $1.number }) {
      guard case .one(let filter)? = entry.definition.schedule?.on else { continue }
      if let type = filter.type { triggersByType[type, default: []].append(entry) } else { otherTriggers.append(entry) }
    }
  }

  public subscript(number: Int32) -> Entry? { entries[number] }
  public var count: Int { entries.count }
  public var all: [Entry] { entries.values.sorted { $0.number < $1.number } }

  /// The channels that any version sends to; instances may be pinned to old ones.
  public var channels: Set<String> { entries.values.reduce(into: []) { $0.formUnion($1.definition.channels) } }

  public struct Triggered: Sendable {
    public var entries: [Entry]
    /// Why a filter could not be evaluated on the event, when that happened.
    public var failures: [String]
  }

  /// Which workflows an event starts: of each, its latest version.
  ///
  /// - Parameter event: the CloudEvents JSON form.
  public func triggered(by event: JSON, type: String) -> Triggered {
    var result = Triggered(entries: [], failures: [])
    for entry in (triggersByType[type] ?? []) + otherTriggers {
      guard case .one(let filter)? = entry.definition.schedule?.on else { continue }
      do {
        if try filter.matches(event) { result.entries.append(entry) }
      } catch {
        result.failures.append("\(entry.source): \(error.message)")
      }
    }
    return result
  }
}

/// The id of the instance that an event starts: the same event gives the same id, wherever and however often it
/// arrives, so that a primary key is all that is needed to start it once.
public enum InstanceID {
  /// - Parameters:
  ///   - workflow: `namespace/name`; the version is left out, so that a new version does not start old events again.
  ///   - source: the event's `source`; with `id` it identifies an event (CloudEvents 1.0, "id").
  public static func make(workflow: String, source: String, id: String) -> UUIDValue {
    // Lengths keep ("a", "bc") apart from ("ab", "c").
    let text = "\(workflow.utf8.count):\(workflow)\(source.utf8.count):\(source)\(id)"
    return UUIDValue(digestOf: text)
  }
}
