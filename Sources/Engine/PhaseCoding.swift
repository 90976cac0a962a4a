import Values
import Workflow

/// The form in which phases rest: one member of the activity's object, named after the phase, and what goes with it.
extension Activity.Phase {
  func write(to object: inout JSONObject) {
    switch self {
    case .sequence(let position): object["position"] = JSON(position)
    case .requested(let call): object["call"] = call.json
    case .retrying(let call, let retryAt):
      object["call"] = call.json
      object["retryAt"] = JSON(retryAt)
    case .queued(let call):
      object["call"] = call.json
      object["queued"] = true
    case .waiting(let until): object["until"] = JSON(until)
    case .loop(let loop):
      object["loop"] = ["items": .array(loop.items), "index": JSON(loop.index)]
    case .fork(let outputs):
      // An array of its own around each output keeps "none yet" apart from null.
      object["fork"] = .array(outputs.map { $0.map { .array([$0]) } ?? .null })
    case .branch(let place): object["branch"] = JSON(place)
    case .trying(let progress): object["try"] = progress.json
    case .listening(let progress): object["listen"] = progress.json
    case .child(let id): object["child"] = .string(id.text)
    case .extended(let progress): object["extended"] = progress.json
    case .compensating(let reference): object["compensating"] = .string(reference)
    }
  }

  init?(_ json: JSON) throws(CodingError) {
    if let position = json["position"]?.int {
      self = .sequence(position: position)
    } else if let call = json["call"] {
      let pending = try PendingCall(call)
      let isQueued = json["queued"] == true
      self =
        json.timestamp("retryAt").map { .retrying(pending, retryAt: $0) }
        ?? (isQueued ? .queued(pending) : .requested(pending))
    } else if let until = json.timestamp("until") {
      self = .waiting(until: until)
    } else if let loop = json["loop"] {
      self = .loop(LoopProgress(items: loop["items"]?.array ?? [], index: loop["index"]?.int ?? 0))
    } else if let outputs = json["fork"]?.array {
      self = .fork(outputs: outputs.map { $0[0] })
    } else if let place = json["branch"]?.int {
      self = .branch(place)
    } else if let progress = json["try"] {
      self = .trying(try TryProgress(progress))
    } else if let progress = json["listen"] {
      self = .listening(ListenProgress(progress))
    } else if let id = json["child"]?.string.flatMap({ UUIDValue($0) }) {
      self = .child(id)
    } else if let progress = json["extended"] {
      self = .extended(ExtendedProgress(progress))
    } else if let reference = json["compensating"]?.string {
      self = .compensating(reference)
    } else {
      return nil
    }
  }
}

extension TryProgress {
  fileprivate var json: JSON {
    var object: JSONObject = ["attempt": JSON(attempt)]
    object["attemptDeadline"] = attemptDeadline.map { JSON($0) }
    switch stage {
    case .trying: break
    case .pausing(let until): object["until"] = JSON(until)
    case .catching(let problem): object["error"] = problem.json
    }
    return .object(object)
  }

  fileprivate init(_ json: JSON) throws(CodingError) {
    guard let attempt = json["attempt"]?.int else { throw CodingError("a stored 'try' lacks its attempt") }
    self.init(attempt: attempt, attemptDeadline: json.timestamp("attemptDeadline"), stage: .trying)
    if let until = json.timestamp("until") { stage = .pausing(until: until) }
    if let problem = json["error"].flatMap(ProblemDetails.init) { stage = .catching(problem) }
  }
}

extension ListenProgress {
  fileprivate var json: JSON {
    var object: JSONObject = [
      "consumed": .array(consumed), "matched": .array(matched.map { .bool($0) }),
      "expected": .array(expected.map { .object($0) }),
    ]
    if !established.isEmpty { object["established"] = .object(established) }
    if !queue.isEmpty { object["queue"] = .array(queue) }
    if iterations > 0 { object["iterations"] = JSON(iterations) }
    if isIterating { object["iterating"] = true }
    if isClosed { object["closed"] = true }
    return .object(object)
  }

  fileprivate init(_ json: JSON) {
    self.init(
      matched: json["matched"]?.array?.map { $0 == true } ?? [],
      expected: json["expected"]?.array?.map { $0.object ?? [:] } ?? [], consumed: json["consumed"]?.array ?? [],
      queue: json["queue"]?.array ?? [])
    established = json["established"]?.object ?? [:]
    iterations = json["iterations"]?.int ?? 0
    isIterating = json["iterating"] == true
    isClosed = json["closed"] == true
  }
}

extension ExtendedProgress {
  fileprivate var json: JSON {
    var object: JSONObject = ["applicable": .array(applicable.map { JSON($0) })]
    switch stage {
    case .before(let place): object["before"] = JSON(place)
    case .task: break
    case .after(let place): object["after"] = JSON(place)
    }
    object["output"] = output
    object["then"] = directive.map { .string($0.resting) }
    return .object(object)
  }

  fileprivate init(_ json: JSON) {
    let stage: Stage
    if let place = json["before"]?.int {
      stage = .before(place)
    } else if let place = json["after"]?.int {
      stage = .after(place)
    } else {
      stage = .task
    }
    self.init(
      applicable: json["applicable"]?.array?.compactMap(\.int) ?? [], stage: stage, output: json["output"],
      directive: json["then"]?.string.map(FlowDirective.init(resting:)))
  }
}

extension Move {
  var json: JSON {
    switch self {
    case .enter(let scope, let position, let input):
      ["is": "enter", "scope": JSON(scope), "position": JSON(position), "data": input]
    case .leave(let scope, let output): ["is": "leave", "scope": JSON(scope), "data": output]
    case .exit(let scope, let output): ["is": "exit", "scope": JSON(scope), "data": output]
    case .complete(let activity, let output): ["is": "complete", "scope": JSON(activity), "data": output]
    case .end(let output): ["is": "end", "data": output]
    case .fault(let activity, let problem):
      ["is": "fault", "scope": activity.map { JSON($0) } ?? .null, "error": problem.json]
    }
  }

  init(_ json: JSON) throws(CodingError) {
    let scope = json["scope"]?.int
    let data = json["data"] ?? .null
    switch (json["is"]?.string, scope) {
    case ("enter", let scope?): self = .enter(scope: scope, position: json["position"]?.int ?? 0, input: data)
    case ("leave", let scope?): self = .leave(scope: scope, output: data)
    case ("exit", let scope?): self = .exit(scope: scope, output: data)
    case ("complete", let scope?): self = .complete(activity: scope, output: data)
    case ("end", _): self = .end(output: data)
    case ("fault", _):
      guard let problem = json["error"].flatMap(ProblemDetails.init) else {
        throw CodingError("a stored fault lacks its error")
      }
      self = .fault(activity: scope, problem)
    default: throw CodingError("a stored move has no known kind")
    }
  }
}

extension FlowDirective {
  /// As the file writes it: no `then` can lead to a task with the name of a directive.
  fileprivate var resting: String {
    switch self {
    case .continue: "continue"
    case .exit: "exit"
    case .end: "end"
    case .task(let name): name
    }
  }

  fileprivate init(resting: String) {
    switch resting {
    case "continue": self = .continue
    case "exit": self = .exit
    case "end": self = .end
    default: self = .task(resting)
    }
  }
}
