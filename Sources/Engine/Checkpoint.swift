import Values

/// That an instance is suspended.
public struct Suspension: Sendable, Hashable {
  /// Where the instance's own time stands still.
  public let since: Timestamp
  public let reason: String
  /// Whether it had yet to wait for its turn.
  public let isPending: Bool

  public init(since: Timestamp, reason: String, isPending: Bool) {
    self.since = since
    self.reason = reason
    self.isPending = isPending
  }
}

/// What it takes to go on with an instance that has ended with an error: what was open when the error began to travel
/// up. Kept by a faulted instance, unless its completed tasks were compensated (what would it go on from?), its data is
/// too large, or it was given up.
public struct Checkpoint: Sendable, Hashable {
  /// When the instance ended.
  public let at: Timestamp
  public var activities: [Activity]
  /// What was still to be done in the step that ended it.
  public let moves: [Move]
  /// The activity of the failed task; nil when the error was none of a task's: the workflow's timeout, say.
  public let failed: Int?
  /// Of an instance whose compensation failed: those that remain.
  public let compensations: [PendingCompensation]
  /// How it will end once its compensations have run; nil unless they were running.
  public let ending: InstanceStatus?
  /// Of an instance whose compensation failed: the error that it ends with.
  public let error: ProblemDetails?

  public init(
    at: Timestamp, activities: [Activity], moves: [Move], failed: Int?, compensations: [PendingCompensation] = [],
    ending: InstanceStatus? = nil, error: ProblemDetails? = nil
  ) {
    self.at = at
    self.activities = activities
    self.moves = moves
    self.failed = failed
    self.compensations = compensations
    self.ending = ending
    self.error = error
  }

  var approximateBytes: Int {
    activities.reduce(0) { $0 + $1.approximateBytes } + moves.reduce(0) { $0 + $1.approximateBytes }
      + compensations.reduce(0) { $0 + $1.data.approximateBytes }
  }

  /// The failed task's execution.
  public var failedActivity: Activity? { failed.flatMap { activities.place(of: $0) }.map { activities[$0] } }
}

/// Keeps what hardly any state has out of it: states are copied in every step.
indirect enum Aside<Value: Sendable & Hashable>: Sendable, Hashable {
  case value(Value)

  var value: Value {
    switch self {
    case .value(let value): value
    }
  }
}

extension InstanceState {
  /// Set while the instance is suspended.
  public var suspension: Suspension? {
    get { suspensionAside?.value }
    set { suspensionAside = newValue.map { .value($0) } }
  }

  /// Set once the instance is faulted, if it can be gone on with.
  public var checkpoint: Checkpoint? {
    get { checkpointAside?.value }
    set { checkpointAside = newValue.map { .value($0) } }
  }

  /// Whether an ended instance has a state that is still needed.
  public var isReopenable: Bool { checkpointAside != nil }
}

extension Suspension {
  var json: JSON { ["since": JSON(since), "reason": .string(reason), "pending": .bool(isPending)] }

  init(_ json: JSON) throws(CodingError) {
    guard let since = json.timestamp("since") else { throw CodingError("a stored suspension lacks 'since'") }
    self.init(since: since, reason: json["reason"]?.string ?? "", isPending: json["pending"] == true)
  }
}

extension Checkpoint {
  var json: JSON {
    var object: JSONObject = ["at": JSON(at), "activities": .array(activities.map(\.json))]
    if !moves.isEmpty { object["moves"] = .array(moves.map(\.json)) }
    object["failed"] = failed.map { JSON($0) }
    if !compensations.isEmpty { object["compensations"] = .array(compensations.map(\.json)) }
    object["ending"] = ending.map { .string($0.rawValue) }
    object["error"] = error?.json
    return .object(object)
  }

  init(_ json: JSON) throws(CodingError) {
    guard let at = json.timestamp("at"), let stored = json["activities"]?.array else {
      throw CodingError("a stored checkpoint lacks 'at' or 'activities'")
    }
    var activities: [Activity] = []
    for activity in stored { activities.append(try Activity(activity)) }
    var moves: [Move] = []
    for move in json["moves"]?.array ?? [] { moves.append(try Move(move)) }
    self.init(
      at: at, activities: activities, moves: moves, failed: json["failed"]?.int,
      compensations: (json["compensations"]?.array ?? []).map(PendingCompensation.init),
      ending: json["ending"]?.string.flatMap(InstanceStatus.init(rawValue:)),
      error: json["error"].flatMap(ProblemDetails.init))
  }
}

extension PendingCompensation {
  var json: JSON { ["task": .string(reference), "data": data] }

  init(_ json: JSON) { self.init(reference: json["task"]?.string ?? "", data: json["data"] ?? .null) }
}
