import Values
import Workflow

/// What was exercised, so that a test that exercises nothing fails.
struct Tally {
  var cases = 0
  var ambiguous = 0
  var tooLong = 0
  var inputs = 0
  var requests = 0
  var noises = 0
  /// Events that somebody listened to.
  var consumed = 0
  /// Definitions that ran in a world that is never on time, too.
  var late = 0
  var crashes = 0
  /// How often an instance was suspended and resumed, in runs of their own.
  var suspensions = 0
  /// Calls that had to wait for room.
  var queued = 0
  /// Crashes between the parts of a step that was too long.
  var crashesInside = 0
  /// Executions of tasks, by kind.
  var started: [String: Int] = [:]
  /// How often each phase of an activity was stored and read again.
  var phases: [String: Int] = [:]
  /// How instances ended.
  var endings: [String: Int] = [:]
  /// Definitions with a construct.
  var constructs: [String: Int] = [:]

  mutating func add(_ other: Tally) {
    inputs += other.inputs
    requests += other.requests
    noises += other.noises
    consumed += other.consumed
    queued += other.queued
    crashes += other.crashes
    crashesInside += other.crashesInside
    started.merge(other.started, uniquingKeysWith: +)
    phases.merge(other.phases, uniquingKeysWith: +)
  }

  /// Every key that is anywhere in the definition, once.
  mutating func countConstructs(_ definition: JSON) {
    var keys: Set<String> = []
    func visit(_ json: JSON) {
      switch json {
      case .object(let object):
        for (key, value) in object {
          if Self.keys.contains(key) { keys.insert(key) }
          visit(value)
        }
      case .array(let items): items.forEach(visit)
      default: return
      }
    }
    visit(definition)
    for key in keys { constructs[key, default: 0] += 1 }
  }

  /// What turned up less often than it has to.
  func gaps(atLeast least: Int) -> [String] {
    var gaps: [String] = []
    func check(_ what: String, _ names: some Collection<String>, _ counts: [String: Int], _ least: Int) {
      for name in names where counts[name, default: 0] < max(least, 1) {
        gaps.append("\(what) '\(name)' turned up \(counts[name, default: 0]) times only, of \(max(least, 1))")
      }
    }
    check("the construct", Self.keys, constructs, least)
    check("the task", Self.kinds, started, least)
    check("a crash in the phase", Self.phases, phases, least)
    check("the end", ["completed", "faulted", "cancelled", "open"], endings, least)
    if ambiguous + tooLong > cases / 25 { gaps.append("\(ambiguous + tooLong) of \(cases) definitions were left out") }
    if queued < least { gaps.append("only \(queued) calls had to wait for room") }
    if crashesInside < least { gaps.append("only \(crashesInside) crashes inside a long step") }
    return gaps
  }

  static let kinds: Set<String> = [
    "do", "set", "call", "function", "switch", "emit", "for", "fork", "race", "raise", "run", "run without waiting",
    "try", "wait", "listen one", "listen all", "listen any", "listen until condition", "listen until events",
  ]
  static let phases: Set<String> = [
    "sequence", "requested", "retrying", "waiting", "loop", "fork", "branch", "trying", "pausing", "catching",
    "listening", "child", "extended before", "extended task", "extended after", "compensating",
  ]
  static let keys: Set<String> = [
    "if", "input", "from", "output", "as", "export", "timeout", "then", "compensation", "functions", "extensions",
    "extend", "before", "after", "errors", "retries", "timeouts", "when", "exceptWhen", "retry", "delay", "backoff",
    "constant", "linear", "exponential", "jitter", "limit", "attempt", "count", "duration", "each", "at", "in", "while",
    "branches", "compete", "catch", "do", "switch", "title", "detail", "with", "type", "subject", "data", "workflow",
    "await", "version", "one", "any", "all", "until", "correlate", "expect", "read", "foreach", "item",
    "schema", "secrets", "endpoint",
  ]

  var description: String {
    func list(_ counts: [String: Int]) -> String {
      counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    }
    return """
      \(cases) definitions, \(ambiguous) left out for two things at one time, \(tooLong) for their length, \(late) also run late
      \(inputs) inputs, \(requests) requests, \(queued) of them queued, \(consumed) events taken, \(noises) duplicates and forgeries, \
      \(crashes) crashes, \(crashesInside) of them inside a long step, \(suspensions) suspensions
      ended: \(list(endings))
      tasks: \(list(started))
      phases at a crash: \(list(phases))
      constructs: \(list(constructs))
      """
  }
}

extension TaskKind {
  /// Finer than the standard's key.
  var name: String {
    switch self {
    case .function: "function"
    case .fork(let fork): fork.compete ? "race" : "fork"
    case .extended: "extended"
    case .run(let run): run.await ? "run" : "run without waiting"
    case .listen(let listen):
      switch listen.to {
      case .one: "listen one"
      case .all: "listen all"
      case .any(_, nil): "listen any"
      case .any(_, .condition): "listen until condition"
      case .any(_, .events): "listen until events"
      }
    default: keyword
    }
  }
}
