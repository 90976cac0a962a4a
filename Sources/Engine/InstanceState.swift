import Values

/// The status phases of a workflow instance (DSL 1.0.3, "Status phases").
public enum InstanceStatus: String, Sendable, Hashable, CaseIterable {
  case pending, running, waiting, suspended, cancelled, faulted, completed

  /// Nothing changes an instance any more once it is terminal.
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
  public var context: JSON
  /// The open task executions, by ascending id; a parent stands before its children.
  public var activities: [Activity]
  /// The id that the next activity gets; ids are never used twice within an instance.
  public var nextActivity: Int
  /// When the workflow's own timeout strikes.
  public var deadline: Timestamp?
  /// Set once the instance is completed.
  public var output: JSON?
  /// Set once the instance is faulted.
  public var error: ProblemDetails?

  public init(id: UUIDValue, input: JSON, startedAt: Timestamp) {
    self.id = id
    self.status = .running
    self.startedAt = startedAt
    self.updatedAt = startedAt
    self.input = input
    self.context = .null
    self.activities = []
    self.nextActivity = 0
  }

  /// The earliest moment at which the engine has something to do without being told: a deadline, or a retry.
  public var wakeAt: Timestamp? {
    guard !status.isTerminal else { return nil }
    var earliest = deadline
    for activity in activities {
      guard let due = activity.dueAt else { continue }
      if let known = earliest, known <= due { continue }
      earliest = due
    }
    return earliest
  }

  /// About how much memory its data takes, counted as bytes of JSON.
  public var approximateBytes: Int {
    activities.reduce(input.approximateBytes + context.approximateBytes) { sum, activity in
      switch activity.phase {
      case .sequence: sum + activity.input.approximateBytes
      case .requested(let call), .retrying(let call, _):
        sum + activity.input.approximateBytes + call.data.approximateBytes
      }
    }
  }

  func activityIndex(_ id: Int) -> Int? { activities.firstIndex { $0.id == id } }
}

/// One open execution of a task.
public struct Activity: Sendable, Hashable {
  public let id: Int
  /// The activity whose scope this one runs in; nil for the workflow's own `do`.
  public let parent: Int?
  /// The task reference, a JSON pointer such as `/do/1/check`; `/` for the workflow itself.
  public let reference: String
  public let startedAt: Timestamp
  /// The task's input after `input.from` (`$input`).
  public let input: JSON
  public var phase: Phase

  public enum Phase: Sendable, Hashable {
    /// Runs its tasks in order; `position` is the one under way.
    case sequence(position: Int)
    /// A processing event is out, and its reply is awaited.
    case requested(PendingCall)
    /// The last attempt failed for a passing reason; the next one goes out at `retryAt`.
    case retrying(PendingCall, retryAt: Timestamp)
  }

  var dueAt: Timestamp? {
    switch phase {
    case .sequence: nil
    case .requested(let call): call.deadline
    case .retrying(let call, let retryAt): min(retryAt, call.deadline)
    }
  }
}

/// A call that has no result yet.
public struct PendingCall: Sendable, Hashable {
  public var channel: String
  /// From 1.
  public var attempt: Int
  /// Past this moment the task faults with a timeout, whatever its attempts.
  public var deadline: Timestamp
  /// The evaluated `with`, for the attempts that may follow.
  public var data: JSON
  /// The last progress that the processor told.
  public var progress: Progress?

  public struct Progress: Sendable, Hashable {
    public var percent: Double?
    public var message: String?
    public init(percent: Double?, message: String?) {
      self.percent = percent
      self.message = message
    }
  }
}

extension PendingCall {
  /// `ce_id`: unique per attempt, and the same whenever a crash makes the engine send that attempt again.
  static func requestID(instance: UUIDValue, activity: Int, attempt: Int) -> String {
    "\(instance.text).\(activity).\(attempt)"
  }

  /// `ce_idempotencykey`: the same for every attempt of one task execution.
  static func idempotencyKey(instance: UUIDValue, activity: Int) -> String { "\(instance.text).\(activity)" }
}
