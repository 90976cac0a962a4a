import Values

/// What becomes of everything that an instance's state keeps by reference, when it goes on in another version.
public struct MigrationPlan: Sendable, Hashable {
  /// One task that the instance needs to find again.
  public struct Task: Sendable, Hashable {
    public enum Role: String, Sendable, Hashable {
      /// It is under way.
      case open
      /// The instance is faulted, and its retry begins here.
      case failed
      /// It is what the next step begins.
      case next
      /// It is completed, and may have to be undone.
      case done
    }

    public let role: Role
    /// The execution's id, which stays; nil where there is none.
    public let activity: Int?
    public let from: String
    /// Nil: there is none, or it is not safe.
    public internal(set) var to: String?
    /// What does not follow the new version, in words for people.
    public internal(set) var notes: [String] = []
  }

  public struct Refusal: Sendable, Hashable {
    public enum Code: String, Sendable, Hashable {
      /// Nothing of it is to be done any more.
      case ended
      case otherWorkflow
      case sameVersion
      case taskGone
      case taskAmbiguous
      case kindChanged
      case channelChanged
      /// What stands around an open task, or inside of it, is not what it was.
      case scopeChanged
      /// What has run would run again.
      case orderChanged
      case listenerChanged
      case compensationChanged
      case orderKeyChanged
      case secretsChanged
      case inputRefused
      /// The operator's own mapping names what is not there.
      case unknownMapping
    }

    public let code: Code
    /// The reference in the present version.
    public let task: String?
    public let reason: String
    /// What to do instead.
    public let hint: String

    public var sentence: String { "\(reason); \(hint)" }
  }

  /// The versions.
  public let from: String
  public let to: String
  public let tasks: [Task]
  /// What does not follow the new version, where it is no task's.
  public let notes: [String]
  /// Why it is not done; none when it is safe.
  public let refusals: [Refusal]
  /// The instance as it goes on, if that is safe.
  let state: InstanceState
  let record: MigrationRecord

  public var isSafe: Bool { refusals.isEmpty }

  /// All that stands against it, in one sentence.
  public var refusal: String { refusals.map(\.sentence).joined(separator: "; also: ") }

  public var json: JSON {
    func text(_ value: String?) -> JSON { value.map { .string($0) } ?? .null }
    func list(_ values: [String]) -> JSON { .array(values.map { .string($0) }) }
    return [
      "from": .string(from), "to": .string(to), "safe": .bool(isSafe),
      "tasks": .array(
        tasks.map { task in
          [
            "role": .string(task.role.rawValue), "activity": task.activity.map { JSON($0) } ?? .null,
            "from": .string(task.from), "to": text(task.to), "notes": list(task.notes),
          ]
        }),
      "notes": list(notes),
      "refusals": .array(
        refusals.map {
          [
            "code": .string($0.code.rawValue), "task": text($0.task), "reason": .string($0.reason),
            "hint": .string($0.hint),
          ]
        }),
    ]
  }
}
