import Engine
import Values

/// What became of one execution of a task.
public struct TaskRecord: Sendable, Hashable {
  public enum Status: String, Sendable, Hashable, CaseIterable {
    case running
    /// The last attempt failed for a passing reason, and another follows.
    case retrying
    case completed
    case faulted
    /// Its `if` was false.
    case skipped
    /// The workflow ended while the task was open.
    case cancelled
  }

  /// One processing event of a call.
  public struct Attempt: Sendable, Hashable {
    /// From 1.
    public let number: Int
    /// `ce_id` of its processing event.
    public let id: String
    public let requestedAt: Timestamp
    /// When its reply was taken, or when it was given up.
    public var endedAt: Timestamp?
    /// Why it failed.
    public var problem: ProblemDetails?
  }

  /// What moves an open task on that is no call.
  public enum Waiting: Sendable, Hashable {
    case time(Timestamp)
    /// Events; so many were consumed.
    case events(consumed: Int)
    case instance(UUIDValue)
    /// So many passes of a loop are done, of how many.
    case passes(done: Int, of: Int)
    /// Room on the channel: its next attempt is to go out.
    case channel
  }

  /// The activity's number within the instance; nil for a skipped task, which has none.
  public let activity: Int?
  /// In the version of the workflow that it ran in; of an open task, in the one that its instance runs now.
  public internal(set) var reference: String
  public var status: Status
  /// Nil when the journal that was read begins later.
  public var startedAt: Timestamp?
  public var endedAt: Timestamp?
  /// Of a call.
  public var channel: String?
  /// Of a call: past this moment it faults.
  public var deadline: Timestamp?
  public var attempts: [Attempt] = []
  /// How many attempts there were, also when the journal that was read lacks the first of them.
  public var attemptCount = 0
  /// While it is retrying: when the next attempt goes out.
  public var retryAt: Timestamp?
  /// While it is open and asks no processor: what it waits for.
  public var waitingFor: Waiting?
  /// What the processor last told of the attempt that is under way.
  public var progress: PendingCall.Progress?
  /// Of a call: what was sent.
  public var data: JSON?
  public var output: JSON?
  public var problem: ProblemDetails?

  init(activity: Int?, reference: String, status: Status, startedAt: Timestamp?) {
    self.activity = activity
    self.reference = reference
    self.status = status
    self.startedAt = startedAt
  }

  /// The last part of the task reference, a JSON pointer (RFC 6901, section 4).
  public var name: String {
    let last = reference.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
    return String(last).replacing("~1", with: "/").replacing("~0", with: "~")
  }

  var isOpen: Bool { status == .running || status == .retrying }
}

/// The tasks of an instance, in the order in which they started, as its journal and its resting state tell them. Pure.
public struct TaskHistory: Sendable, Hashable {
  public private(set) var tasks: [TaskRecord] = []
  private var places: [Int: Int] = [:]

  /// - Parameters:
  ///   - journal: the instance's rows in order; the first ones may be missing.
  ///   - open: the activities of its resting state; none once it has ended.
  public init(journal: [JournalRow], open: [Activity]) {
    for row in journal {
      for entry in row.entries { apply(entry, at: row.at) }
    }
    for activity in open where activity.isTask { apply(activity) }
  }

  // MARK: The journal

  private mutating func apply(_ entry: JournalEntry, at time: Timestamp) {
    switch entry {
    case .workflowPending, .workflowStarted, .emitted, .childStarted, .childCancelled, .compensating, .contextExported,
      .operated, .workflowSuspended, .workflowResumed:
      break
    case .taskStarted(let activity, let reference):
      change(activity, reference) { $0.startedAt = time }
    case .taskReopened(let activity, let reference):
      change(activity, reference) {
        $0.status = .running
        ($0.endedAt, $0.problem) = (nil, nil)
        $0.reference = reference
      }
    case .migrated(let record, _):
      for place in tasks.indices where tasks[place].isOpen {
        tasks[place].reference = record.reference(tasks[place].reference) ?? tasks[place].reference
      }
    case .taskSkipped(let reference):
      var task = TaskRecord(activity: nil, reference: reference, status: .skipped, startedAt: time)
      task.endedAt = time
      tasks.append(task)
    case .requested(let request):
      change(request.activity, request.reference) { $0.request(request, at: time) }
    case .callQueued(let activity, let reference, let channel):
      change(activity, reference) {
        $0.status = .running
        ($0.retryAt, $0.channel) = (nil, channel)
      }
    case .attemptFailed(let activity, let reference, _, let problem, let retryAt):
      change(activity, reference) { $0.retry(at: retryAt, after: problem, failedAt: time) }
    case .taskCompleted(let activity, let reference, let output):
      change(activity, reference) {
        $0.end(.completed, at: time)
        $0.output = output
      }
    case .taskFaulted(let activity, let reference, let problem):
      fault(activity, reference, problem, at: time)
    case .taskCancelled(let activity, let reference):
      change(activity, reference) { $0.end(.cancelled, at: time) }
    case .workflowCompleted:
      endOpen(at: time) { $0.attemptCount == 0 ? .completed : .cancelled }
    case .workflowFaulted, .workflowCancelled:
      endOpen(at: time) { _ in .cancelled }
    }
  }

  private mutating func fault(
    _ activity: Int?, _ reference: String, _ problem: ProblemDetails, at time: Timestamp
  ) {
    let known = activity ?? tasks.last { $0.reference == reference && $0.isOpen }?.activity
    guard let known else {
      var task = TaskRecord(activity: nil, reference: reference, status: .faulted, startedAt: time)
      task.endedAt = time
      task.problem = problem
      tasks.append(task)
      return
    }
    change(known, reference) { $0.fault(problem, at: time) }
  }

  /// `then: end` closes the scopes around it without an entry for each; a timeout of the workflow closes everything.
  private mutating func endOpen(at time: Timestamp, _ status: (TaskRecord) -> TaskRecord.Status) {
    for place in tasks.indices where tasks[place].isOpen {
      tasks[place].end(status(tasks[place]), at: time)
    }
  }

  private mutating func change(_ activity: Int, _ reference: String, _ body: (inout TaskRecord) -> Void) {
    if let place = places[activity] { return body(&tasks[place]) }
    places[activity] = tasks.count
    var task = TaskRecord(activity: activity, reference: reference, status: .running, startedAt: nil)
    body(&task)
    tasks.append(task)
  }

  // MARK: The resting state

  /// Progress is in the state only, and so is what the missing part of a journal would have told.
  private mutating func apply(_ activity: Activity) {
    change(activity.id, activity.reference) { task in
      task.startedAt = activity.startedAt
      if let deadline = activity.deadline { task.deadline = deadline }
      switch activity.phase {
      case .trying(let progress):
        guard case .pausing(let until) = progress.stage else {
          task.status = .running
          return
        }
        task.retryAt = until
      case .waiting(let until): task.waitingFor = .time(until)
      case .listening(let progress):
        task.waitingFor = .events(consumed: progress.consumed.count + progress.queue.count)
      case .child(let id): task.waitingFor = .instance(id)
      case .loop(let loop): task.waitingFor = .passes(done: loop.index, of: loop.items.count)
      case .sequence, .fork, .branch, .extended, .compensating: break
      case .requested(let call): task.take(call, retryAt: nil)
      case .queued(let call):
        task.take(call, retryAt: nil)
        task.waitingFor = .channel
      case .retrying(let call, let retryAt): task.take(call, retryAt: retryAt)
      }
    }
  }
}

extension TaskRecord {
  fileprivate mutating func request(_ request: Request, at time: Timestamp) {
    attempts.append(Attempt(number: request.attempt, id: request.id, requestedAt: time))
    attemptCount = max(attemptCount, request.attempt)
    status = .running
    retryAt = nil
    channel = request.channel
    deadline = request.deadline
    data = request.data
  }

  fileprivate mutating func retry(at retryAt: Timestamp, after problem: ProblemDetails, failedAt time: Timestamp) {
    endAttempt(at: time, problem)
    status = .retrying
    self.retryAt = retryAt
    self.problem = problem
  }

  fileprivate mutating func fault(_ problem: ProblemDetails, at time: Timestamp) {
    // A deadline that passes between two attempts faults the task, not the attempt before it.
    if attempts.last?.endedAt == nil { endAttempt(at: time, problem) }
    end(.faulted, at: time)
    self.problem = problem
  }

  fileprivate mutating func end(_ status: Status, at time: Timestamp) {
    if attempts.last?.endedAt == nil { endAttempt(at: time, nil) }
    self.status = status
    endedAt = time
    retryAt = nil
    // What made it retry is told by its attempt.
    if status == .completed { problem = nil }
  }

  private mutating func endAttempt(at time: Timestamp, _ problem: ProblemDetails?) {
    guard let last = attempts.indices.last else { return }
    attempts[last].endedAt = time
    attempts[last].problem = problem
  }

  fileprivate mutating func take(_ call: PendingCall, retryAt: Timestamp?) {
    status = retryAt == nil ? .running : .retrying
    self.retryAt = retryAt
    channel = call.channel
    deadline = call.deadline
    data = call.data
    progress = call.progress
    attemptCount = max(attemptCount, call.attempt)
  }
}
