import Values

/// What an operator does to one instance: see ``Engine/operate(_:reason:state:now:)``.
public enum Operation: Sendable, Hashable {
  /// Nothing is started or sent, and no time passes for the instance, until it is resumed.
  case suspend
  case resume
  case cancel(compensating: Bool)
  /// Runs the failed task of a faulted instance again; of an open one, what pauses before its next attempt, at once.
  case retry
  /// Runs the workflow again from a task on.
  case rerun(RerunStart)
  /// The failed task of a faulted instance, or the named one that is open, counts as completed with this raw output.
  case skip(task: String?, output: JSON)
  case override(OverrideTarget, JSON)

  /// As the command line and the store name it.
  public var verb: String {
    switch self {
    case .suspend: "suspend"
    case .resume: "resume"
    case .cancel: "cancel"
    case .retry: "retry"
    case .rerun: "rerun"
    case .skip: "skip"
    case .override: "override"
    }
  }
}

/// The data that an operator replaces.
public enum OverrideTarget: Sendable, Hashable {
  /// `$context`.
  case context
  /// The raw input of the failed task of a faulted instance, or of the named one that pauses before its next attempt.
  case input(task: String?)
}

/// Where a workflow is run again from, and with what: a state does not hold it. See
/// ``Engine/rerunStart(from:instance:journal:)``.
public struct RerunStart: Sendable, Hashable {
  /// The task reference.
  public let task: String
  /// The task's raw input.
  public let input: JSON
  /// `$context` as it was; nil: it stays as it is.
  public let context: JSON?
  /// The raw inputs of the `do` tasks around the task, the outermost first.
  public let enclosing: [JSON]
  /// An id above all that the instance has used. The state of an ended instance may have been dropped, and an id that
  /// is used twice would make processors answer with what they did the first time.
  public let nextActivity: Int

  public init(task: String, input: JSON, context: JSON?, enclosing: [JSON] = [], nextActivity: Int) {
    self.task = task
    self.input = input
    self.context = context
    self.enclosing = enclosing
    self.nextActivity = nextActivity
  }
}

/// The form in which operations rest: an object with the `verb` and what goes with it.
extension Operation {
  public var json: JSON {
    var object: JSONObject = ["verb": .string(verb)]
    switch self {
    case .suspend, .resume, .retry: break
    case .cancel(let compensating): object["compensating"] = .bool(compensating)
    case .rerun(let start):
      object["from"] = .string(start.task)
      object["input"] = start.input
      object["context"] = start.context
      if !start.enclosing.isEmpty { object["enclosing"] = .array(start.enclosing) }
      object["nextActivity"] = JSON(start.nextActivity)
    case .skip(let task, let output):
      object["task"] = task.map { .string($0) }
      object["output"] = output
    case .override(let target, let data):
      switch target {
      case .context: object["target"] = "context"
      case .input(let task):
        object["target"] = "input"
        object["task"] = task.map { .string($0) }
      }
      object["data"] = data
    }
    return .object(object)
  }

  /// What lacks a part that has no obvious value is an error, so that nothing is done that nobody asked for.
  public init(_ json: JSON) throws(CodingError) {
    func required(_ key: String) throws(CodingError) -> JSON {
      guard let value = json[key] else {
        throw CodingError("the operation '\(json["verb"]?.string ?? "")' lacks '\(key)'")
      }
      return value
    }
    switch json["verb"]?.string {
    case "suspend": self = .suspend
    case "resume": self = .resume
    case "cancel":
      guard case .bool(let compensating) = try required("compensating") else {
        throw CodingError("the operation 'cancel' has a 'compensating' that is neither true nor false")
      }
      self = .cancel(compensating: compensating)
    case "retry": self = .retry
    case "rerun":
      guard let task = try required("from").string else { throw CodingError("the operation 'rerun' names no task") }
      self = .rerun(
        RerunStart(
          task: task, input: try required("input"), context: json["context"], enclosing: json["enclosing"]?.array ?? [],
          nextActivity: json["nextActivity"]?.int ?? 0))
    case "skip": self = .skip(task: json["task"]?.string, output: try required("output"))
    case "override":
      let data = try required("data")
      switch try required("target").string {
      case "context": self = .override(.context, data)
      case "input": self = .override(.input(task: json["task"]?.string), data)
      default: throw CodingError("the operation 'override' has a 'target' that is neither 'context' nor 'input'")
      }
    case let verb: throw CodingError("unknown operation '\(verb ?? json.text)'")
    }
  }
}
