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
    var object: JSONObject = ["next": .number(JSONNumber(nextActivity))]
    if context != .null { object["context"] = context }
    if let deadline { object["deadline"] = .number(JSONNumber(Int(deadline.microseconds))) }
    object["activities"] = .array(activities.map(\.json))
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
    deadline = resting["deadline"]?.int.map { Timestamp(microseconds: Int64($0)) }
    self.activities = []
    for activity in activities { self.activities.append(try Activity(activity)) }
  }
}

extension Activity {
  fileprivate var json: JSON {
    var object: JSONObject = [
      "id": .number(JSONNumber(id)), "task": .string(reference),
      "started": .number(JSONNumber(Int(startedAt.microseconds))),
    ]
    if let parent { object["parent"] = .number(JSONNumber(parent)) }
    if input != .null { object["input"] = input }
    switch phase {
    case .sequence(let position): object["position"] = .number(JSONNumber(position))
    case .requested(let call): object["call"] = call.json
    case .retrying(let call, let retryAt):
      object["call"] = call.json
      object["retryAt"] = .number(JSONNumber(Int(retryAt.microseconds)))
    }
    return .object(object)
  }

  fileprivate init(_ json: JSON) throws(CodingError) {
    guard let id = json["id"]?.int, let reference = json["task"]?.string, let started = json["started"]?.int else {
      throw CodingError("a stored activity lacks 'id', 'task' or 'started'")
    }
    let phase: Phase
    if let position = json["position"]?.int {
      phase = .sequence(position: position)
    } else if let call = json["call"] {
      let pending = try PendingCall(call)
      if let retryAt = json["retryAt"]?.int {
        phase = .retrying(pending, retryAt: Timestamp(microseconds: Int64(retryAt)))
      } else {
        phase = .requested(pending)
      }
    } else {
      throw CodingError("the stored activity \(id) has no phase")
    }
    self.init(
      id: id, parent: json["parent"]?.int, reference: reference,
      startedAt: Timestamp(microseconds: Int64(started)), input: json["input"] ?? .null, phase: phase)
  }
}

extension PendingCall {
  fileprivate var json: JSON {
    var object: JSONObject = [
      "channel": .string(channel), "attempt": .number(JSONNumber(attempt)),
      "deadline": .number(JSONNumber(Int(deadline.microseconds))), "data": data,
    ]
    if let progress {
      object["progress"] = [
        "percent": progress.percent.map { .number(JSONNumber($0)) } ?? .null,
        "message": progress.message.map { .string($0) } ?? .null,
      ]
    }
    return .object(object)
  }

  fileprivate init(_ json: JSON) throws(CodingError) {
    guard let channel = json["channel"]?.string, let attempt = json["attempt"]?.int,
      let deadline = json["deadline"]?.int
    else { throw CodingError("a stored call lacks 'channel', 'attempt' or 'deadline'") }
    self.init(
      channel: channel, attempt: attempt, deadline: Timestamp(microseconds: Int64(deadline)),
      data: json["data"] ?? .null,
      progress: json["progress"].map {
        Progress(percent: $0["percent"]?.double, message: $0["message"]?.string)
      })
  }
}
