import Values

/// The form in which journal entries rest in the store: small objects with an `is`.
extension JournalEntry {
  public var json: JSON {
    switch self {
    case .workflowPending:
      ["is": "workflow.pending"]
    case .workflowStarted:
      ["is": "workflow.started"]
    case .taskStarted(let activity, let reference):
      ["is": "task.started", "task": .string(reference), "activity": .number(JSONNumber(activity))]
    case .taskSkipped(let reference):
      ["is": "task.skipped", "task": .string(reference)]
    case .requested(let request):
      request.json
    case .callQueued(let activity, let reference, let channel):
      [
        "is": "task.queued", "task": .string(reference), "activity": .number(JSONNumber(activity)),
        "channel": .string(channel),
      ]
    case .attemptFailed(let activity, let reference, let attempt, let problem, let retryAt):
      [
        "is": "task.retried", "task": .string(reference), "activity": .number(JSONNumber(activity)),
        "attempt": .number(JSONNumber(attempt)), "error": problem.json,
        "retryAt": .number(JSONNumber(Int(retryAt.microseconds))),
      ]
    case .taskCompleted(let activity, let reference, let output):
      [
        "is": "task.completed", "task": .string(reference), "activity": .number(JSONNumber(activity)),
        "output": output,
      ]
    case .taskFaulted(let activity, let reference, let problem):
      [
        "is": "task.faulted", "task": .string(reference),
        "activity": activity.map { .number(JSONNumber($0)) } ?? .null, "error": problem.json,
      ]
    case .taskCancelled(let activity, let reference):
      ["is": "task.cancelled", "task": .string(reference), "activity": .number(JSONNumber(activity))]
    case .emitted(let emitted):
      [
        "is": "event.emitted", "task": .string(emitted.reference),
        "activity": .number(JSONNumber(emitted.activity)), "event": emitted.event,
      ]
    case .childStarted(let child):
      child.json
    case .childCancelled(let id):
      ["is": "child.cancelled", "id": .string(id.text)]
    case .compensating(let reference):
      ["is": "task.compensating", "task": .string(reference)]
    case .contextExported(let context):
      // An array of its own keeps "too large" apart from null.
      ["is": "context.exported", "context": .array(context.map { [$0] } ?? [])]
    case .taskReopened(let activity, let reference):
      ["is": "task.reopened", "task": .string(reference), "activity": .number(JSONNumber(activity))]
    case .operated(let operation, let reason):
      ["is": "workflow.operated", "operation": operation.json, "reason": .string(reason)]
    case .migrated(let record, let reason):
      [
        "is": "workflow.migrated", "from": .string(record.from), "to": .string(record.to), "moved": record.moved.json,
        "reason": .string(reason),
      ]
    case .workflowSuspended(let reason):
      ["is": "workflow.suspended", "reason": .string(reason)]
    case .workflowResumed(let reason):
      ["is": "workflow.resumed", "reason": .string(reason)]
    case .workflowCancelled(let reason):
      ["is": "workflow.cancelled", "reason": .string(reason)]
    case .workflowCompleted(let output):
      ["is": "workflow.completed", "output": output]
    case .workflowFaulted(let problem):
      ["is": "workflow.faulted", "error": problem.json]
    }
  }

  public init(_ json: JSON) throws(CodingError) {
    guard let kind = json["is"]?.string else { throw CodingError("a journal entry has no 'is'") }
    let reference = json["task"]?.string ?? ""
    let activity = json["activity"]?.int
    switch kind {
    case "workflow.pending": self = .workflowPending
    case "workflow.started": self = .workflowStarted
    case "task.started": self = .taskStarted(activity: try Self.required(activity, kind), reference: reference)
    case "task.skipped": self = .taskSkipped(reference: reference)
    case "task.requested": self = .requested(try Request(json))
    case "task.retried":
      self = .attemptFailed(
        activity: try Self.required(activity, kind), reference: reference,
        attempt: try Self.required(json["attempt"]?.int, kind), problem: try Self.problem(json),
        retryAt: Timestamp(microseconds: Int64(try Self.required(json["retryAt"]?.int, kind))))
    case "task.completed":
      self = .taskCompleted(
        activity: try Self.required(activity, kind), reference: reference, output: json["output"] ?? .null)
    case "task.queued":
      self = .callQueued(
        activity: try Self.required(activity, kind), reference: reference,
        channel: try Self.required(json["channel"]?.string, kind))
    case "task.faulted":
      self = .taskFaulted(activity: activity, reference: reference, problem: try Self.problem(json))
    case "task.cancelled":
      self = .taskCancelled(activity: try Self.required(activity, kind), reference: reference)
    case "event.emitted":
      self = .emitted(
        EmittedEvent(
          activity: try Self.required(activity, kind), reference: reference,
          event: try Self.required(json["event"], kind)))
    case "child.started": self = .childStarted(try ChildStart(json))
    case "child.cancelled":
      self = .childCancelled(try Self.required(json["id"]?.string.flatMap { UUIDValue($0) }, kind))
    case "task.compensating": self = .compensating(reference: reference)
    case "context.exported": self = .contextExported(try Self.required(json["context"]?.array, kind).first)
    case "task.reopened": self = .taskReopened(activity: try Self.required(activity, kind), reference: reference)
    case "workflow.operated":
      self = .operated(
        try Operation(try Self.required(json["operation"], kind)), reason: json["reason"]?.string ?? "")
    case "workflow.migrated":
      self = .migrated(
        MigrationRecord(
          from: try Self.required(json["from"]?.string, kind), to: try Self.required(json["to"]?.string, kind),
          moved: [String: String](texts: json["moved"])), reason: json["reason"]?.string ?? "")
    case "workflow.suspended": self = .workflowSuspended(reason: json["reason"]?.string ?? "")
    case "workflow.resumed": self = .workflowResumed(reason: json["reason"]?.string ?? "")
    case "workflow.cancelled": self = .workflowCancelled(reason: json["reason"]?.string ?? "")
    case "workflow.completed": self = .workflowCompleted(output: json["output"] ?? .null)
    case "workflow.faulted": self = .workflowFaulted(problem: try Self.problem(json))
    default: throw CodingError("unknown journal entry '\(kind)'")
    }
  }

  fileprivate static func required<Value>(_ value: Value?, _ kind: String) throws(CodingError) -> Value {
    guard let value else { throw CodingError("a journal entry '\(kind)' is incomplete") }
    return value
  }

  private static func problem(_ json: JSON) throws(CodingError) -> ProblemDetails {
    try required(json["error"].flatMap(ProblemDetails.init), "error")
  }
}

extension Request {
  fileprivate var json: JSON {
    [
      "is": "task.requested", "task": .string(reference), "activity": .number(JSONNumber(activity)),
      "attempt": .number(JSONNumber(attempt)), "channel": .string(channel), "id": .string(id),
      "key": .string(idempotencyKey), "deadline": .number(JSONNumber(Int(deadline.microseconds))), "data": data,
    ]
  }

  fileprivate init(_ json: JSON) throws(CodingError) {
    let kind = "task.requested"
    self.init(
      activity: try JournalEntry.required(json["activity"]?.int, kind),
      channel: try JournalEntry.required(json["channel"]?.string, kind),
      id: try JournalEntry.required(json["id"]?.string, kind),
      idempotencyKey: try JournalEntry.required(json["key"]?.string, kind),
      reference: try JournalEntry.required(json["task"]?.string, kind),
      attempt: try JournalEntry.required(json["attempt"]?.int, kind),
      deadline: Timestamp(microseconds: Int64(try JournalEntry.required(json["deadline"]?.int, kind))),
      data: json["data"] ?? .null)
  }
}

extension ChildStart {
  fileprivate var json: JSON {
    [
      "is": "child.started", "task": .string(reference), "activity": .number(JSONNumber(activity)),
      "id": .string(id.text), "namespace": .string(namespace), "name": .string(name), "version": .string(version),
      "input": input, "awaited": .bool(isAwaited),
    ]
  }

  fileprivate init(_ json: JSON) throws(CodingError) {
    let kind = "child.started"
    self.init(
      activity: try JournalEntry.required(json["activity"]?.int, kind),
      reference: try JournalEntry.required(json["task"]?.string, kind),
      id: try JournalEntry.required(json["id"]?.string.flatMap { UUIDValue($0) }, kind),
      namespace: try JournalEntry.required(json["namespace"]?.string, kind),
      name: try JournalEntry.required(json["name"]?.string, kind),
      version: try JournalEntry.required(json["version"]?.string, kind), input: json["input"] ?? .null,
      isAwaited: json["awaited"]?.bool ?? true)
  }
}
