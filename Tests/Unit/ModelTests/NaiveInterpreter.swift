import Engine
import Values
import Workflow

/// A second interpreter, written from the standard's text: tasks call what comes after them, time is a sorted list of
/// things to do, and nothing can be stored. It shares expressions, templates and values with the engine, and no more.
final class NaiveInterpreter {
  let definition: WorkflowDefinition
  let world: World
  let options: EngineOptions
  /// The pauses with a random part, as the engine chose them: they only have to lie in their range.
  let jitters: [Jitter: Duration]

  var now = World.start
  var seen = Observation()
  var context: JSON = .null
  var listeners: [Listener] = []
  /// Completed tasks to compensate, in the order of their completion.
  var undo: [(task: TaskDefinition, data: JSON)] = []
  /// How the instance will end, once what was done is undone.
  private var ending: String?
  var isEnding: Bool { ending != nil }
  private(set) var isOver = false
  /// Two things were due at the same moment, so that their order is anybody's.
  private(set) var isAmbiguous = false
  /// One event moved several tasks: the order of what they do is anybody's if steps are cut short.
  var isShared = false
  /// Nobody wants to wait for this one.
  private(set) var isTooLong = false
  private var steps = 0
  private let root = Node(reference: nil, parent: nil)
  /// Holds the workflow's own timeout.
  private let clock = Node(reference: nil, parent: nil)
  private var agenda: [Appointment] = []
  private var waiting: [Appointment] = []

  private struct Appointment {
    let time: Timestamp
    let node: Node
    let action: () -> Void
  }

  /// One failed attempt of a `try`.
  struct Jitter: Hashable {
    let reference: String
    let attempt: Int
    let failedAt: Timestamp
  }

  init(definition: WorkflowDefinition, world: World, options: EngineOptions, jitters: [Jitter: Duration]) {
    self.definition = definition
    self.world = world
    self.options = options
    self.jitters = jitters
  }

  // MARK: The workflow

  func run(input: JSON) -> Observation {
    for (time, event) in world.events { at(time, root) { [unowned self] in offer(event) } }
    if let (time, intervention) = world.intervention {
      at(time, root) { [unowned self] in intervene(intervention) }
    }
    begin(input)
    settle()
    while !isOver, let next = agenda.indices.min(by: { agenda[$0].time < agenda[$1].time }) {
      let appointment = agenda.remove(at: next)
      guard appointment.node.isOpen else { continue }
      now = world.attended(appointment.time)
      agenda.removeAll { !$0.node.isOpen }
      if agenda.contains(where: { $0.time <= now }) { isAmbiguous = true }
      appointment.action()
      settle()
      if isTooLong { break }
    }
    if !isOver { seen.status = "open" }
    seen.context = context
    // What comes by without being looked at takes no time.
    seen.endedAt = isOver ? now : World.start
    root.close()
    return seen.normalized()
  }

  private var input: JSON = .null

  private func begin(_ input: JSON) {
    self.input = input
    let environment = Environment(node: root) { [unowned self] in fault($0) }
    if definition.secrets.contains(where: { options.secrets[$0] == nil }) {
      return fault(Problems.configuration("", at: "/"))
    }
    do {
      if let schema = definition.input?.schema, !schema.violations(of: input).isEmpty {
        return fault(Problems.validation("", at: "/"))
      }
      let first = try definition.input?.from?.evaluate(input, variables: lookup(nil, environment)) ?? input
      if let timeout = definition.timeout {
        let limit = try duration(timeout, first, lookup(nil, environment))
        at(now + limit, clock) { [unowned self] in
          fault(Problems.timeout("", at: "/"))
        }
      }
      scope(definition.tasks, first, environment) { [unowned self] output, _ in complete(output) }
    } catch {
      fault(Problems.expression("", at: "/"))
    }
  }

  /// The workflow ends well with the last task's output, wherever that task stands.
  func complete(_ output: JSON) {
    guard !isOver else { return }
    // In a compensation, it is the end of that one.
    if isEnding { return undoNext() }
    root.openDescendants.forEach(giveUp)
    do {
      let variables = lookup(nil, Environment(node: root) { _ in })
      let result = try definition.output?.as?.evaluate(output, variables: variables) ?? output
      if let schema = definition.output?.schema, !schema.violations(of: result).isEmpty {
        return fault(Problems.validation("", at: "/"))
      }
      seen.output = result
      finish("completed")
    } catch {
      fault(Problems.expression("", at: "/"))
    }
  }

  private func fault(_ problem: ProblemDetails) {
    guard !isOver else { return }
    root.openDescendants.forEach(giveUp)
    guard !isEnding else {
      // An operator has to look at it; what is left is left.
      var error = seen.error ?? problem
      let left = undo.reversed().map { JSON.string($0.task.reference) }
      error.extensions["compensation"] = ["error": problem.json, "open": .array(left)]
      seen.error = error
      return finish("faulted")
    }
    seen.error = problem
    beginUndoing("faulted")
  }

  private func intervene(_ intervention: World.Intervention) {
    root.openDescendants.forEach(giveUp)
    switch intervention {
    case .cancel: finish("cancelled")
    case .cancelCompensating: beginUndoing("cancelled")
    case .abandon:
      undo = []
      fault(Problems.runtime("", at: "/"))
    }
  }

  /// Undoes what was completed, last things first, and then ends badly.
  private func beginUndoing(_ status: String) {
    ending = status
    listeners = []
    // The workflow's time counts no more; somebody can still cancel it.
    agenda.removeAll { $0.node === clock }
    undoNext()
  }

  private func undoNext() {
    root.openDescendants.forEach(giveUp)
    guard let (task, data) = undo.popLast(), let function = task.compensation?.function else {
      return finish(ending ?? "faulted")
    }
    seen.note("u", task.reference, at: now)
    let environment = Environment(node: Node(reference: nil, parent: root)) { [unowned self] in fault($0) }
    scope(function.body, data, environment) { [unowned self] _, _ in undoNext() }
  }

  private func finish(_ status: String) {
    seen.status = status
    isOver = true
    root.close()
  }

  // MARK: Time

  /// At the same moment, once what is under way has to wait for something.
  func soon(_ node: Node, _ action: @escaping () -> Void) {
    waiting.append(Appointment(time: now, node: node, action: action))
  }

  private func settle() {
    while !waiting.isEmpty {
      let next = waiting.removeFirst()
      if next.node.isOpen { next.action() }
    }
  }

  func at(_ time: Timestamp, _ node: Node, _ action: @escaping () -> Void) {
    agenda.append(Appointment(time: time, node: node, action: action))
  }

  /// Guards against definitions that go round in circles.
  func countStep() -> Bool {
    steps += 1
    if steps > 1_500 { isTooLong = true }
    return !isTooLong
  }

  // MARK: Scopes

  /// Runs the tasks one after another.
  ///
  /// - Parameter done: gets the last output, and whether a task said `exit`.
  func scope(
    _ scope: TaskScope, from place: Int = 0, _ input: JSON, _ environment: Environment,
    done: @escaping (JSON, Bool) -> Void
  ) {
    guard place < scope.count else { return done(input, false) }
    task(scope[place], input, environment) { [unowned self] output, directive in
      switch directive {
      case .continue: self.scope(scope, from: place + 1, output, environment, done: done)
      case .exit: done(output, true)
      case .end: complete(output)
      case .task(let name):
        let next = scope.firstIndex { $0.name == name } ?? scope.count
        self.scope(scope, from: next, output, environment, done: done)
      }
    }
  }

  /// Notes that what is open there, innermost first, will not be finished.
  func giveUp(_ node: Node) {
    guard node.isOpen else { return }
    node.openDescendants.forEach(giveUp)
    node.close()
    if let reference = node.reference { seen.note("x", reference, at: now) }
    if let child = node.child { seen.note("k", child, at: now) }
  }

  // MARK: Variables

  /// The standard's arguments. Which exist where was checked when the file was read.
  func lookup(_ frame: Frame?, _ environment: Environment) -> (String) -> JSON? {
    { [unowned self] name in
      if let value = environment.variables[name] { return value }
      switch name {
      case "context": return context
      case "input": return frame?.input
      case "output": return frame?.output
      case "task":
        if let around = environment.around { return Self.descriptor(around, withMembers: true) }
        return frame.map { Self.descriptor($0) }
      case "workflow":
        return [
          "id": .string(World.instance.text), "definition": definition.json, "input": input,
          "startedAt": Self.descriptor(World.start),
        ]
      case "runtime": return ["name": "mediator", "version": .string(Engine.version), "metadata": [:]]
      case "secrets":
        return .object(JSONObject(definition.secrets.map { ($0, options.secrets[$0] ?? .null) }))
      default: return nil
      }
    }
  }

  /// - Parameter withMembers: extensions ask for `$task.call` and the like.
  private static func descriptor(_ frame: Frame, withMembers: Bool = false) -> JSON {
    var members = withMembers ? frame.task.json.object ?? [:] : [:]
    members["name"] = .string(frame.task.name)
    members["reference"] = .string(frame.task.reference)
    members["definition"] = frame.task.json
    members["input"] = frame.rawInput
    members["output"] = frame.rawOutput ?? .null
    members["startedAt"] = descriptor(frame.startedAt)
    return .object(members)
  }

  static func descriptor(_ time: Timestamp) -> JSON {
    let milliseconds = Int(time.microseconds / 1_000)
    return [
      "iso8601": .string(time.rfc3339),
      "epoch": [
        "seconds": .number(JSONNumber(milliseconds / 1_000)), "milliseconds": .number(JSONNumber(milliseconds)),
      ],
    ]
  }

  func duration(_ value: DurationValue, _ data: JSON, _ variables: @escaping (String) -> JSON?) throws -> Duration {
    switch value {
    case .constant(let duration): return duration
    case .expression(let expression):
      guard let text = try expression.evaluate(data, variables: variables).string,
        let duration = ISO8601Duration.parse(text), duration >= .zero
      else { throw ExpressionError(code: .evaluation, message: "no duration") }
      return duration
    }
  }
}
