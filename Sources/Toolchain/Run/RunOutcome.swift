import Engine
import Values
import Workflow

/// How a local run ended.
extension LocalRun {
  /// What the exit status tells.
  public var status: InstanceStatus {
    let status = instances[0].state.status
    return status.isTerminal ? status : .waiting
  }

  public var output: JSON? { instances[0].state.output }
  /// While it compensates, why.
  public var error: ProblemDetails? { instances[0].state.error }

  /// What has to happen for it to go on; none once it has ended.
  public var obstacles: [Obstacle] {
    var obstacles: [Obstacle] = []
    for miss in unanswered where isWaiting(for: miss.request, miss.instance) {
      let task = name(miss.request.reference, miss.instance).string ?? ""
      obstacles.append(
        Obstacle(
          kind: .call, task: task, reference: miss.request.reference,
          detail: "call on channel '\(miss.request.channel)': \(miss.reason)"))
    }
    for (place, instance) in instances.enumerated() where instance.isOpen {
      for wait in instance.engine.waits(of: instance.state) {
        guard let activity = instance.state.activities.first(where: { $0.id == wait.activity }) else { continue }
        let type = wait.type == EventFilter.anyType ? "of any type" : "of type '\(wait.type)'"
        obstacles.append(
          Obstacle(
            kind: .event, task: name(activity.reference, place).string ?? "", reference: activity.reference,
            detail: "an event \(type)"))
      }
    }
    return obstacles
  }

  /// `{status, output, error, tasks, …}`.
  public var json: JSON {
    var object = Self.json(instances[0], status)
    object["waitingFor"] = .array(
      obstacles.map {
        [
          "kind": .string($0.kind.rawValue), "task": .string($0.task), "reference": .string($0.reference),
          "detail": .string($0.detail),
        ]
      })
    object["calls"] = .array(calls.map(\.json))
    object["emitted"] = .array(emitted.map(\.shown))
    object["unusedEvents"] = .array(unusedEvents)
    object["workflows"] = .array(
      instances.dropFirst().map { instance in
        let document = instance.definition.document
        var object: JSONObject = [
          "workflow": .string("\(document.namespace)/\(document.name)"),
          "version": .string(document.version.description),
        ]
        for (key, value) in Self.json(instance, instance.isOpen ? .waiting : instance.state.status) {
          object[key] = value
        }
        return .object(object)
      })
    return .object(object)
  }

  private static func json(_ instance: Instance, _ status: InstanceStatus) -> JSONObject {
    [
      "status": .string(status.rawValue), "output": instance.state.output ?? .null,
      "error": instance.state.error?.json ?? .null, "startedAt": .string(instance.state.startedAt.rfc3339),
      "endedAt": instance.endedAt.map { .string($0.rfc3339) } ?? .null,
      "tasks": .array(instance.tasks.items.map(\.json)),
    ]
  }
}

extension TaskLog.Item {
  public var json: JSON {
    [
      "name": .string(name), "reference": .string(reference), "status": .string(status.rawValue),
      "attempts": .number(JSONNumber(attempts)), "startedAt": .string(startedAt.rfc3339),
      "endedAt": endedAt.map { .string($0.rfc3339) } ?? .null,
    ]
  }
}

extension SentCall {
  fileprivate var json: JSON {
    [
      "channel": .string(channel), "task": .string(task), "reference": .string(reference), "data": shownData,
      "attempts": .number(JSONNumber(attempts)), "sentAt": .string(at.rfc3339),
    ]
  }
}
