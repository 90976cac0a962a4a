import Values

/// One version of a workflow as its author wrote it, parsed and checked: nothing here can be refused any more.
///
/// Source: Serverless Workflow DSL 1.0.3, "Workflow".
///
/// A class, because everything that runs an instance carries it about: it is built once and then shared.
public final class WorkflowDefinition: Sendable {
  public let document: Document
  /// The file, byte for byte: what a digest is taken of and what the registry keeps.
  public let source: String
  /// SHA-256 of the source's UTF-8 bytes, in lower-case hexadecimal digits.
  public let digest: String
  /// The file as data, for `$workflow.definition`.
  public let json: JSON
  public let input: InputTransform?
  public let output: OutputTransform?
  public let timeout: DurationValue?
  public let schedule: Schedule?
  /// The root scope: the workflow's own `do`.
  public let tasks: TaskScope
  /// The names under `use.secrets`: what `$secrets` may tell.
  public let secrets: [String]
  /// Evaluated on the event that starts an instance: instances with one key run one after another. From
  /// `document.metadata.orderKey`.
  public let orderKey: Expression?
  /// From 1 (where none is given) to 10: how many turns its timers have where those of the lowest have one. From
  /// `document.metadata.priority`.
  public let priority: Int
  /// How many of its calls may be under way at once, if that is limited. From `document.metadata.maxInFlight`.
  public let maxInFlight: Int?
  /// Everything that its instances may listen to.
  public let awaited: [EventFilter]
  /// Every channel that a task of this workflow sends processing events to.
  public let channels: Set<String>
  private let tasksByReference: [String: TaskDefinition]

  init(
    document: Document, source: String, digest: String, json: JSON, input: InputTransform?, output: OutputTransform?,
    timeout: DurationValue?, schedule: Schedule?, tasks: TaskScope, secrets: [String] = [], orderKey: Expression? = nil,
    priority: Int = 1, maxInFlight: Int? = nil
  ) {
    self.document = document
    self.source = source
    self.digest = digest
    self.json = json
    self.input = input
    self.output = output
    self.timeout = timeout
    self.schedule = schedule
    self.tasks = tasks
    self.secrets = secrets
    self.orderKey = orderKey
    self.priority = priority
    self.maxInFlight = maxInFlight
    var index: [String: TaskDefinition] = [:]
    var channels: Set<String> = []
    var awaited: [EventFilter] = []
    var pending = Array(tasks)
    while let task = pending.popLast() {
      // A function that is called from several places is one task.
      guard index.updateValue(task, forKey: task.reference) == nil else { continue }
      if case .call(let call) = task.kind { channels.insert(call.channel) }
      if case .listen(let listen) = task.kind {
        awaited += listen.to.allFilters
        if listen.to.isEveryEvent { awaited.append(EventFilter(attributes: [])) }
      }
      for scope in task.scopes { pending.append(contentsOf: scope) }
    }
    tasksByReference = index
    self.awaited = awaited
    self.channels = channels
  }

  /// The task at a task reference (`/do/1/check`), at any depth.
  public func task(at reference: String) -> TaskDefinition? { tasksByReference[reference] }
}

/// Source: "Document". `namespace`, `name` and `version` together name one immutable definition.
public struct Document: Sendable, Hashable {
  public let dsl: String
  public let namespace: String
  public let name: String
  public let version: SemanticVersion
  public let title: String?
  public let summary: String?
  public let tags: JSONObject
  /// Where this engine's own additions to the standard live.
  public let metadata: JSONObject
}

/// `input`: what the raw input becomes before anything else sees it. Source: "Input".
public struct InputTransform: Sendable {
  public let schema: DataSchema?
  public let from: Template?
}

/// `output`: what the raw output becomes before the next task sees it. Source: "Output".
public struct OutputTransform: Sendable {
  public let schema: DataSchema?
  public let `as`: Template?
}

/// `export`: what the workflow's context becomes after a task. Source: "Export".
public struct ExportTransform: Sendable {
  public let schema: DataSchema?
  public let `as`: Template?
}

/// When instances are started without anyone asking. Source: "Schedule".
///
/// The input of an instance started by an event is an array with that event in its CloudEvents JSON form, so that
/// `$workflow.input[0].data` is the event's data (dsl.md, "Input of event-driven scheduled workflows").
public struct Schedule: Sendable {
  public let on: EventConsumption?
  /// Every so long, from the moment of deployment.
  public let every: Duration?
  public let cron: CronSchedule?
  /// So long after the end of the instance before.
  public let after: Duration?

  /// Whether time alone starts instances.
  public var isTimed: Bool { every != nil || cron != nil || after != nil }

  /// When the first instance starts, on a schedule that is known since `now`; nil when none ever does.
  public func first(now: Timestamp) -> Timestamp? {
    if let every { return now + every }
    if let cron { return cron.next(after: now) }
    return after == nil ? nil : now
  }

  /// When the next instance starts, after one that was due at `due`. Times that have passed meanwhile (nothing ran) are
  /// left out: the next one lies after `now`. Nil when none does, or when that depends on the end of the one before.
  public func next(after due: Timestamp, now: Timestamp) -> Timestamp? {
    if let every {
      let next = due + every
      guard next <= now else { return next }
      // In whole microseconds: a fraction would leave the grid.
      let step = max((due + every).microseconds - due.microseconds, 1)
      let missed = (now.microseconds - due.microseconds) / step
      return Timestamp(microseconds: due.microseconds + step * (missed + 1))
    }
    return cron?.next(after: max(due, now))
  }
}

/// How long something may take: known from the file, or computed when it is reached. Source: "Duration".
public enum DurationValue: Sendable {
  case constant(Duration)
  case expression(Expression)
}
