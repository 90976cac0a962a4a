import Safeguards
import Values
import Workflow

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
  /// The task's input before `input.from` (`$task.input`), where that is another.
  public let rawInput: JSON?
  /// The size of both: they are measured once, not in every step.
  let inputBytes: Int
  /// When the task's own `timeout` strikes; calls keep theirs in ``PendingCall``.
  public var deadline: Timestamp?
  public var phase: Phase
  /// For how long its instance stood still: what it may last is counted without.
  public var postponedBy: Duration = .zero

  public init(
    id: Int, parent: Int?, reference: String, startedAt: Timestamp, input: JSON, rawInput: JSON? = nil,
    deadline: Timestamp? = nil, phase: Phase
  ) {
    self.id = id
    self.parent = parent
    self.reference = reference
    self.startedAt = startedAt
    self.input = input
    self.rawInput = rawInput
    inputBytes = input.approximateBytes + (rawInput?.approximateBytes ?? 0)
    self.deadline = deadline
    self.phase = phase
  }

  public enum Phase: Sendable, Hashable {
    /// Runs its tasks in order; `position` is the one under way.
    case sequence(position: Int)
    /// A processing event is out, and its reply is awaited.
    case requested(PendingCall)
    /// The last attempt failed for a passing reason; the next one goes out at `retryAt`.
    case retrying(PendingCall, retryAt: Timestamp)
    /// The next attempt is to go out, and waits for room on its channel; the call's `attempt` is the last one that went
    /// out, 0 before the first.
    case queued(PendingCall)
    case waiting(until: Timestamp)
    case loop(LoopProgress)
    /// The outputs of the branches that have ended.
    case fork(outputs: [JSON?])
    /// One branch of the fork above it, by its place.
    case branch(Int)
    case trying(TryProgress)
    case listening(ListenProgress)
    /// Another instance was asked for: its end is awaited, or only that it begins (`await: false`).
    case child(UUIDValue)
    case extended(ExtendedProgress)
    /// Runs the compensation of the task at this reference.
    case compensating(String)
  }

  var dueAt: Timestamp? {
    let due: Timestamp? =
      switch phase {
      case .requested(let call): Safeguard.holds(.callTimed) ? call.deadline : Optional.none
      case .retrying(let call, let retryAt): min(retryAt, call.deadline)
      case .queued(let call): call.deadline
      case .waiting(let until): until
      case .trying(let progress): progress.dueAt
      case .sequence, .loop, .fork, .branch, .listening, .child, .extended, .compensating: nil
      }
    guard let deadline else { return due }
    return due.map { min($0, deadline) } ?? deadline
  }

  /// Whether a task stands behind it that the journal speaks of: not for the workflow, branches, and what only wraps.
  public var isTask: Bool {
    switch phase {
    case .branch, .extended, .compensating: false
    default: parent != nil
    }
  }

  var approximateBytes: Int {
    var sum = inputBytes
    switch phase {
    case .requested(let call), .retrying(let call, _), .queued(let call): sum += call.dataBytes
    case .loop(let loop): sum += loop.itemBytes
    case .fork(let outputs): sum += outputs.reduce(0) { $0 + ($1?.approximateBytes ?? 4) }
    case .listening(let progress): sum += progress.approximateBytes
    case .extended(let progress): sum += progress.output?.approximateBytes ?? 0
    case .sequence, .waiting, .branch, .trying, .child, .compensating: break
    }
    return sum
  }
}

/// A call that has no result yet.
public struct PendingCall: Sendable, Hashable {
  public var channel: String
  /// From 1; 0 while not even the first has gone out.
  public var attempt: Int
  /// Past this moment the task faults with a timeout, whatever its attempts.
  public var deadline: Timestamp
  /// The evaluated `with`, for the attempts that may follow.
  public let data: JSON
  let dataBytes: Int
  /// The last progress that the processor told.
  public var progress: Progress?
  /// Its result is there, and waits for the instance to be resumed.
  public var isAnswered = false
  /// Its processor has put it down for good: whoever retries the task wants another execution of it.
  public var isPutDown = false

  /// - Parameter bytes: the size of the data, where that is known.
  public init(
    channel: String, attempt: Int, deadline: Timestamp, data: JSON, progress: Progress?, bytes: Int? = nil
  ) {
    self.channel = channel
    self.attempt = attempt
    self.deadline = deadline
    self.data = data
    dataBytes = bytes ?? data.approximateBytes
    self.progress = progress
  }

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
  /// `ce_idempotencykey`, `<instance>.<activity>`: the same for every attempt of one task execution.
  static func idempotencyKey(instance: UUIDValue, activity: Int) -> String {
    var key = instance.text
    key += "."
    key += String(activity)
    return key
  }

  /// `ce_id`, `<instance>.<activity>.<attempt>`: unique per attempt, and the same whenever a crash makes the engine send
  /// that attempt again.
  static func requestID(key: String, attempt: Int) -> String {
    var id = key
    id += "."
    id += String(attempt)
    return id
  }
}

/// How far a `for` has come.
public struct LoopProgress: Sendable, Hashable {
  public let items: [JSON]
  /// The pass under way.
  public var index: Int
  /// Counted once: a step of a long loop must not look at all items.
  let itemBytes: Int

  public init(items: [JSON], index: Int) {
    self.items = items
    self.index = index
    itemBytes = items.reduce(0) { $0 + $1.approximateBytes }
  }
}

/// How far a `try` has come.
public struct TryProgress: Sendable, Hashable {
  public enum Stage: Sendable, Hashable {
    /// The tasks under `try` run.
    case trying
    /// They will run again at that time.
    case pausing(until: Timestamp)
    /// The tasks under `catch` run.
    case catching(ProblemDetails)
  }

  /// From 1.
  public var attempt: Int
  /// When this attempt is over its limit.
  public var attemptDeadline: Timestamp?
  public var stage: Stage

  var dueAt: Timestamp? {
    switch stage {
    case .trying: attemptDeadline
    case .pausing(let until): until
    case .catching: nil
    }
  }
}

/// How far a `listen` has come.
public struct ListenProgress: Sendable, Hashable {
  /// What was consumed, as it is read and as the iterator left it.
  public private(set) var consumed: [JSON] = []
  /// Which filters have had their event (only asked for `all`), in the order of `EventConsumption.allFilters`.
  public var matched: [Bool]
  /// The values that the filters' correlations expect, by filter, then by the correlation's name.
  public var expected: [JSONObject]
  /// What the first events gave for correlations that name no expectation.
  public var established: JSONObject = [:]
  /// Consumed and not yet iterated over, the one under way first.
  public private(set) var queue: [JSON] = []
  /// The size of both, counted as they come and go: a step of a long listening must not look at all of them.
  private(set) var approximateBytes = 0
  /// How many were iterated over.
  public var iterations = 0
  public var isIterating = false
  /// Nothing more is consumed.
  public var isClosed = false

  init(matched: [Bool], expected: [JSONObject], consumed: [JSON] = [], queue: [JSON] = []) {
    self.matched = matched
    self.expected = expected
    self.consumed = consumed
    self.queue = queue
    approximateBytes = (consumed + queue).reduce(0) { $0 + $1.approximateBytes }
  }

  mutating func consume(_ value: JSON) {
    consumed.append(value)
    approximateBytes += value.approximateBytes
  }

  mutating func enqueue(_ value: JSON) {
    queue.append(value)
    approximateBytes += value.approximateBytes
  }

  mutating func dequeue() {
    guard !queue.isEmpty else { return }
    approximateBytes -= queue.removeFirst().approximateBytes
  }
}

/// How far a task with extensions has come.
public struct ExtendedProgress: Sendable, Hashable {
  public enum Stage: Sendable, Hashable {
    /// Runs what the extension at this place of ``applicable`` has before the task.
    case before(Int)
    case task
    case after(Int)
  }

  /// The places, among the task's extensions, of those whose `when` was true.
  public let applicable: [Int]
  public var stage: Stage
  /// What the extended task gave.
  public var output: JSON?
  /// Where the extended task, a `switch`, said that the flow goes from here.
  public var directive: FlowDirective?
}
