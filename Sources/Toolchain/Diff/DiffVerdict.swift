import Values
import Workflow

/// What deploying the new version would mean for what runs.
public struct DiffVerdict: Sendable, Hashable {
  /// How the two versions stand to each other.
  public enum Succession: String, Sendable, Hashable {
    /// The new one is the higher version: events start it.
    case replaces
    /// The new one is the lower version: events go on starting the other.
    case older
    /// Both are the same version with different bytes: the new one cannot be deployed beside the old.
    case conflicts
    /// Both are the same bytes.
    case same
    /// They are two workflows.
    case unrelated
  }

  /// What only one of two versions has, by name.
  public struct Names: Sendable, Hashable {
    public let added: [String]
    public let removed: [String]

    init(_ old: Set<String>, _ new: Set<String>) {
      added = new.subtracting(old).sorted()
      removed = old.subtracting(new).sorted()
    }
  }

  public struct Note: Sendable, Hashable {
    public let subject: String
    public let text: String
  }

  public let succession: Succession
  public let channels: Names
  /// Types of the events that instances listen to, where the file names them.
  public let events: Names
  public let secrets: Names
  public let changesSchedule: Bool
  public private(set) var notes: [Note] = []

  init(_ old: WorkflowDefinition, _ new: WorkflowDefinition, isEmpty: Bool) {
    succession = Self.succession(old, new)
    channels = Names(old.channels, new.channels)
    events = Names(Set(old.awaited.compactMap(\.type)), Set(new.awaited.compactMap(\.type)))
    secrets = Names(Set(old.secrets), Set(new.secrets))
    changesSchedule = old.json["schedule"] != new.json["schedule"]
    notes = versionNotes(old.document, new.document, isEmpty: isEmpty) + effectNotes(old.document.version)
  }

  private static func succession(_ old: WorkflowDefinition, _ new: WorkflowDefinition) -> Succession {
    if old.digest == new.digest { return .same }
    if old.document.namespace != new.document.namespace || old.document.name != new.document.name {
      return .unrelated
    }
    if old.document.version == new.document.version { return .conflicts }
    return old.document.version < new.document.version ? .replaces : .older
  }

  // MARK: Notes

  private func versionNotes(_ old: Document, _ new: Document, isEmpty: Bool) -> [Note] {
    switch succession {
    case .same: return []
    case .unrelated:
      return [
        Note(
          subject: "versions",
          text: "these are two workflows: deploying \(new.namespace)/\(new.name) changes nothing for instances of "
            + "\(old.namespace)/\(old.name), and what starts those still does")
      ]
    case .conflicts:
      let reason = isEmpty ? "only the form of the text differs, but " : ""
      return [
        Note(
          subject: "versions",
          text: "\(reason)a deployed version never changes: raise document.version above \(old.version) to deploy this")
      ]
    case .replaces:
      return [
        Note(
          subject: "running instances",
          text:
            "stay with \(old.version) and its tasks until they end or are migrated, waits, retries and timeouts included"
        ),
        Note(subject: "new instances", text: "run \(new.version) from the moment it is deployed"),
      ]
    case .older:
      return [
        Note(subject: "running instances", text: "stay with the version that they were started with"),
        Note(
          subject: "new instances",
          text: "run the highest deployed version: where \(old.version) is deployed, \(new.version) starts none"),
      ]
    }
  }

  private func effectNotes(_ old: SemanticVersion) -> [Note] {
    var notes: [Note] = []
    func add(_ subject: String, _ names: [String], _ text: String) {
      if !names.isEmpty { notes.append(Note(subject: subject, text: "\(names.joined(separator: ", ")): \(text)")) }
    }
    let ending = "no longer used; needed while instances of \(old) run"
    if succession == .replaces, changesSchedule {
      notes.append(Note(subject: "schedule", text: "what starts an instance changes with the deployment"))
    }
    add("new channels", channels.added, "deploy a processor first, or tasks wait there until their deadline")
    guard succession != .unrelated else { return notes }
    add("old channels", channels.removed, ending)
    add("new events", events.added, "listened to; make sure that a queue topic brings them")
    add("old events", events.removed, ending)
    add("new secrets", secrets.added, "give them to every mediator first")
    add("old secrets", secrets.removed, ending)
    return notes
  }

  // MARK: JSON

  var json: JSON {
    func list(_ names: [String]) -> JSON { .array(names.map { .string($0) }) }
    func object(_ names: Names) -> JSON { ["added": list(names.added), "removed": list(names.removed)] }
    return [
      "succession": .string(succession.rawValue), "changesSchedule": .bool(changesSchedule),
      "channels": object(channels), "events": object(events), "secrets": object(secrets),
      "notes": .array(notes.map { ["subject": .string($0.subject), "text": .string($0.text)] }),
    ]
  }
}
