import Values

/// A stored state or journal record that this version cannot read.
public struct CodingError: Error, Hashable, CustomStringConvertible {
  public enum Code: String, Sendable { case malformed }
  public let code: Code
  public let message: String
  public var description: String { message }

  init(_ message: String) {
    code = .malformed
    self.message = message
  }
}

/// The form in which a state rests in the store: everything that changes from step to step. What never changes (id,
/// input, start) has columns of its own and is given back to ``InstanceState/init(id:input:startedAt:resting:)``.
extension InstanceState {
  public var resting: JSON {
    var object: JSONObject = ["next": JSON(nextActivity)]
    if context != .null { object["context"] = context }
    if let deadline { object["deadline"] = JSON(deadline) }
    object["activities"] = .array(activities.map(\.json))
    if !unfinished.isEmpty {
      object["unfinished"] = .array(unfinished.map(\.json))
      object["unfinishedSteps"] = JSON(unfinishedSteps)
    }
    if !compensations.isEmpty {
      object["compensations"] = .array(compensations.map(\.json))
    }
    object["ending"] = ending.map { .string($0.rawValue) }
    object["cancellation"] = cancellation.map { .string($0) }
    if ending != nil || isReopenable, let error { object["error"] = error.json }
    object["suspension"] = suspension?.json
    object["checkpoint"] = checkpoint?.json
    return .object(object)
  }

  public init(id: UUIDValue, input: JSON, startedAt: Timestamp, status: InstanceStatus, resting: JSON)
    throws(CodingError)
  {
    self.init(id: id, input: input, startedAt: startedAt)
    self.status = status
    guard let next = resting["next"]?.int, let activities = resting["activities"]?.array else {
      throw CodingError("instance \(id.text): the stored state lacks 'next' or 'activities'")
    }
    nextActivity = next
    context = resting["context"] ?? .null
    // Observers are silent in an initializer.
    contextBytes = context.approximateBytes
    deadline = resting.timestamp("deadline")
    for activity in activities { self.activities.append(try Activity(activity)) }
    for move in resting["unfinished"]?.array ?? [] { unfinished.append(try Move(move)) }
    unfinishedSteps = resting["unfinishedSteps"]?.int ?? 0
    for item in resting["compensations"]?.array ?? [] {
      compensations.append(PendingCompensation(item))
    }
    ending = resting["ending"]?.string.flatMap(InstanceStatus.init(rawValue:))
    cancellation = resting["cancellation"]?.string
    error = resting["error"].flatMap(ProblemDetails.init)
    if let json = resting["suspension"] { suspension = try Suspension(json) }
    if let json = resting["checkpoint"] { checkpoint = try Checkpoint(json) }
  }
}

extension JSON {
  init(_ number: Int) { self = .number(JSONNumber(number)) }
  init(_ time: Timestamp) { self = .number(JSONNumber(Int(time.microseconds))) }

  func timestamp(_ key: String) -> Timestamp? { self[key]?.int.map { Timestamp(microseconds: Int64($0)) } }
}

extension Activity {
  var json: JSON {
    var object: JSONObject = ["id": JSON(id), "task": .string(reference), "started": JSON(startedAt)]
    if let parent { object["parent"] = JSON(parent) }
    if input != .null { object["input"] = input }
    object["rawInput"] = rawInput
    object["deadline"] = deadline.map { JSON($0) }
    if postponedBy != .zero { object["postponed"] = JSON(Timestamp(microseconds: 0) + postponedBy) }
    phase.write(to: &object)
    return .object(object)
  }

  init(_ json: JSON) throws(CodingError) {
    guard let id = json["id"]?.int, let reference = json["task"]?.string, let started = json.timestamp("started")
    else { throw CodingError("a stored activity lacks 'id', 'task' or 'started'") }
    guard let phase = try Phase(json) else { throw CodingError("the stored activity \(id) has no phase") }
    self.init(
      id: id, parent: json["parent"]?.int, reference: reference, startedAt: started, input: json["input"] ?? .null,
      rawInput: json["rawInput"], deadline: json.timestamp("deadline"), phase: phase)
    if let postponed = json.timestamp("postponed") { postponedBy = postponed - Timestamp(microseconds: 0) }
  }
}

extension PendingCall {
  var json: JSON {
    var object: JSONObject = [
      "channel": .string(channel), "attempt": JSON(attempt), "deadline": JSON(deadline), "data": data,
    ]
    if let progress {
      object["progress"] = [
        "percent": progress.percent.map { .number(JSONNumber($0)) } ?? .null,
        "message": progress.message.map { .string($0) } ?? .null,
      ]
    }
    if isAnswered { object["answered"] = true }
    if isPutDown { object["putDown"] = true }
    return .object(object)
  }

  init(_ json: JSON) throws(CodingError) {
    guard let channel = json["channel"]?.string, let attempt = json["attempt"]?.int,
      let deadline = json["deadline"]?.int
    else { throw CodingError("a stored call lacks 'channel', 'attempt' or 'deadline'") }
    self.init(
      channel: channel, attempt: attempt, deadline: Timestamp(microseconds: Int64(deadline)),
      data: json["data"] ?? .null,
      progress: json["progress"].map {
        Progress(percent: $0["percent"]?.double, message: $0["message"]?.string)
      })
    isAnswered = json["answered"] == true
    isPutDown = json["putDown"] == true
  }
}
