import Safeguards
import Values

/// The status phases of a workflow instance (DSL 1.0.3, "Status phases").
public enum InstanceStatus: String, Sendable, Hashable, CaseIterable {
  case pending, running, waiting, suspended, cancelled, faulted, completed

  /// Nothing but an operator changes an instance any more once it is terminal.
  public var isTerminal: Bool { self == .cancelled || self == .faulted || self == .completed }
}

/// What one workflow instance is between two steps: everything the engine needs to go on, and nothing that is finished.
///
/// Finished tasks live in the journal only, so the size of a state does not grow with the number of tasks that ran.
public struct InstanceState: Sendable, Hashable {
  public let id: UUIDValue
  public var status: InstanceStatus
  public let startedAt: Timestamp
  /// The time of the last step.
  public var updatedAt: Timestamp
  /// The raw workflow input (`$workflow.input`).
  public let input: JSON
  /// `$context`, as the tasks' `export.as` left it.
  public var context: JSON {
    didSet { contextBytes = context.approximateBytes }
  }
  var contextBytes = 4
  /// The open task executions, by ascending id; a parent stands before its children.
  public var activities: [Activity]
  /// The id that the next activity gets; ids are never used twice within an instance.
  public var nextActivity: Int
  /// When the workflow's own timeout strikes.
  public var deadline: Timestamp?
  /// Set once the instance is completed.
  public var output: JSON?
  /// Set once the instance is faulted; while it compensates, why.
  public var error: ProblemDetails?
  /// What a step had no time for: the next one goes on with it.
  public var unfinished: [Move]
  /// How many steps in a row had no time, without anything having come from outside.
  public var unfinishedSteps: Int
  /// What completed tasks left to be undone should the instance end badly, in the order of their completion.
  public var compensations: [PendingCompensation]
  /// How the instance will end once its compensations have run; nil unless they run.
  public var ending: InstanceStatus?
  /// Why it is cancelled, until it has been undone and can be told so.
  public var cancellation: String?
  var suspensionAside: Aside<Suspension>?
  var checkpointAside: Aside<Checkpoint>?

  public init(id: UUIDValue, input: JSON, startedAt: Timestamp) {
    self.id = id
    self.status = .running
    self.startedAt = startedAt
    self.updatedAt = startedAt
    self.input = input
    self.context = .null
    self.activities = []
    // The workflow itself, and one task after the other.
    activities.reserveCapacity(2)
    self.nextActivity = 0
    self.unfinished = []
    self.unfinishedSteps = 0
    self.compensations = []
  }

  /// The earliest moment at which the engine has something to do without being told: a deadline, a retry, a wait's end.
  /// None while the instance is suspended.
  public var wakeAt: Timestamp? {
    guard !status.isTerminal, status != .suspended || !Safeguard.holds(.suspensionTimeless) else { return nil }
    if !unfinished.isEmpty { return updatedAt }
    var earliest = deadline
    for activity in activities {
      guard let due = activity.dueAt else { continue }
      if let known = earliest, known <= due { continue }
      earliest = due
    }
    return earliest
  }

  /// About how much memory its data takes, counted as bytes of JSON.
  public var approximateBytes: Int { input.approximateBytes + dataBytes }

  /// The same without the workflow's input, which never changes.
  var dataBytes: Int {
    var sum = contextBytes
    for activity in activities { sum += activity.approximateBytes }
    for compensation in compensations { sum += compensation.data.approximateBytes }
    for move in unfinished { sum += move.approximateBytes }
    return sum
  }

  /// The place of an activity among ``activities``.
  func activityIndex(_ id: Int) -> Int? { activities.place(of: id) }
}

extension [Activity] {
  /// The place of the activity with this id; they stand in the order of their ids.
  func place(of id: Int) -> Int? {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if self[middle].id < id { low = middle + 1 } else { high = middle }
    }
    return low < count && self[low].id == id ? low : nil
  }
}

/// What is to be done next within a step.
public enum Move: Sendable, Hashable {
  /// Run the task at `position` of the scope that the activity `scope` runs.
  case enter(scope: Int, position: Int, input: JSON)
  /// The scope that the activity runs has come to its end.
  case leave(scope: Int, output: JSON)
  /// A task of the scope said `exit`.
  case exit(scope: Int, output: JSON)
  /// The activity has its raw output.
  case complete(activity: Int, output: JSON)
  /// The workflow ends here, whatever scope it is in.
  case end(output: JSON)
  /// The error travels up from this activity (nil: from outside every scope).
  case fault(activity: Int?, ProblemDetails)

  var approximateBytes: Int {
    switch self {
    case .enter(_, _, let data), .leave(_, let data), .exit(_, let data), .complete(_, let data), .end(let data):
      data.approximateBytes
    case .fault: 256
    }
  }
}

/// A completed task's compensation, with the data to run it on.
public struct PendingCompensation: Sendable, Hashable {
  /// The completed task.
  public let reference: String
  public let data: JSON

  public init(reference: String, data: JSON) {
    self.reference = reference
    self.data = data
  }
}
