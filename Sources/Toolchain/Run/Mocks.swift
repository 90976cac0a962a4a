import Values
import Workflow

/// What stands for the world in a local run: the answers of processors, of HTTP servers and of other workflows, the
/// events that arrive, and the secrets.
public struct Mocks: Sendable {
  /// By channel, task name or task reference.
  public var calls: [String: Script<Answer>] = [:]
  /// Of workflows that are not given, by `namespace/name`.
  public var workflows: [String: Script<Answer>] = [:]
  public var http: [HTTPPattern: Script<HTTPAnswer>] = [:]
  public var events: [Event] = []
  public var secrets: JSONObject = [:]
  public var cancellation: Cancellation?
  /// When the run starts on its virtual clock.
  public var start: Timestamp?

  public init() {}

  /// What a processor, or another workflow, does.
  public enum Answer: Sendable {
    /// Evaluated on the request's data.
    case reply(Template)
    /// Gives problem details with `retryable` and `retryAfter`, as the wire contract has them.
    case fail(Template)
    /// Never answers, so that timeouts strike.
    case silent
    /// The processing event cannot be delivered.
    case undeliverable(String)
  }

  public struct Event: Sendable {
    public enum Moment: Sendable {
      case afterStart(Duration)
      case at(Timestamp)
    }

    public let moment: Moment
    /// The CloudEvents JSON form, evaluated on the raw input of the workflow.
    public let event: Template
    public let location: SourceLocation
  }

  public struct Cancellation: Sendable {
    public let after: Duration
    public let reason: String
    public let compensating: Bool
  }

  /// What the other one names takes the place of what stands here under the same name; its events that of all events.
  public func overridden(by other: Mocks) -> Mocks {
    var merged = self
    merged.calls.merge(other.calls) { $1 }
    merged.workflows.merge(other.workflows) { $1 }
    merged.http.merge(other.http) { $1 }
    if !other.events.isEmpty { merged.events = other.events }
    for (name, value) in other.secrets { merged.secrets[name] = value }
    merged.cancellation = other.cancellation ?? cancellation
    merged.start = other.start ?? start
    return merged
  }
}

/// Answers in order. An answer serves `times` calls; one without `times` serves any number when it is the last one or has
/// a condition, else exactly one.
public struct Script<Content: Sendable>: Sendable {
  public struct Step: Sendable {
    public let content: Content
    /// How long it takes on the virtual clock.
    public let after: Duration
    public let times: Int?
    /// Evaluated on the request's data.
    public let when: Expression?
    public let location: SourceLocation

    public init(_ content: Content, after: Duration, times: Int?, when: Expression?, location: SourceLocation) {
      self.content = content
      self.after = after
      self.times = times
      self.when = when
      self.location = location
    }
  }

  public let steps: [Step]
  /// Where it is written.
  public let location: SourceLocation
  private var used: [Int]

  public init(_ steps: [Step], location: SourceLocation) {
    self.steps = steps
    self.location = location
    used = steps.map { _ in 0 }
  }

  /// The answer to the next call; nil when all are used up, or none is for this data.
  mutating func next(_ data: JSON, _ variables: (String) -> JSON?) throws(ExpressionError) -> Step? {
    for (place, step) in steps.enumerated() {
      let isEndless = step.when != nil || place == steps.count - 1
      if let limit = step.times ?? (isEndless ? nil : 1), used[place] >= limit { continue }
      if let when = step.when, try !when.isTrue(data, variables: variables) { continue }
      used[place] += 1
      return step
    }
    return nil
  }
}
