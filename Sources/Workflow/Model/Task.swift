import Values

/// One task: a named step of a scope, with the data stages that every kind of task shares.
///
/// A class, because tasks form a tree that is built once and then shared by every instance of the definition.
///
/// Source: Serverless Workflow DSL 1.0.3, "Task".
public final class TaskDefinition: Sendable {
  public let name: String
  /// The task reference: a JSON pointer into the definition, such as `/do/1/check` or `/do/0/outer/do/1/inner`.
  public let reference: String
  /// The task's place in its scope.
  public let index: Int
  /// `if`: evaluated on the raw input before anything else of the task; a task that is not run hands its raw input on.
  public let condition: Expression?
  public let input: InputTransform?
  public let output: OutputTransform?
  public let export: ExportTransform?
  public let timeout: DurationValue?
  /// `nil` is the standard's default, `continue`.
  public let then: FlowDirective?
  public let metadata: JSONObject
  /// From `metadata.compensation`.
  public let compensation: Compensation?
  public let kind: TaskKind
  /// The task as data (what stands under its name), for `$task.definition`.
  public let json: JSON
  public let location: SourceLocation

  init(
    name: String, reference: String, index: Int, condition: Expression?, input: InputTransform?,
    output: OutputTransform?, export: ExportTransform?, timeout: DurationValue?, then: FlowDirective?,
    metadata: JSONObject, compensation: Compensation? = nil, kind: TaskKind, json: JSON, location: SourceLocation
  ) {
    self.name = name
    self.reference = reference
    self.index = index
    self.condition = condition
    self.input = input
    self.output = output
    self.export = export
    self.timeout = timeout
    self.then = then
    self.metadata = metadata
    self.compensation = compensation
    self.kind = kind
    self.json = json
    self.location = location
  }

  /// The scopes directly inside this task.
  public var scopes: [TaskScope] {
    let inside: [TaskScope] =
      switch kind {
      case .do(let scope): [scope]
      case .for(let loop): [loop.tasks]
      case .fork(let fork): [fork.branches]
      case .try(let attempt): [attempt.tasks, attempt.catch.tasks].compactMap(\.self)
      case .listen(let listen): [listen.iterator?.tasks].compactMap(\.self)
      case .function(let function): [function.body]
      case .extended(let extended):
        [extended.body] + extended.extensions.flatMap { [$0.before, $0.after] }.compactMap(\.self)
      case .set, .call, .switch, .emit, .raise, .run, .wait: []
      }
    return inside + [compensation?.function.body].compactMap(\.self)
  }
}

/// What a task does. Source: the section of "Tasks" with the case's name.
public indirect enum TaskKind: Sendable {
  case `do`(TaskScope)
  case set(Template)
  case call(Call)
  case `switch`([SwitchCase])
  case emit(Emission)
  case `for`(ForLoop)
  case fork(Fork)
  case listen(Listen)
  case raise(RaisedError)
  case run(WorkflowRun)
  case `try`(TryCatch)
  case wait(DurationValue)
  /// A `call` that names one of `use.functions`.
  case function(FunctionCall)
  /// A task around which extensions apply.
  case extended(ExtendedTask)

  /// The standard's key of the task.
  public var keyword: String {
    switch self {
    case .do: "do"
    case .set: "set"
    case .call, .function: "call"
    case .switch: "switch"
    case .emit: "emit"
    case .for: "for"
    case .fork: "fork"
    case .listen: "listen"
    case .raise: "raise"
    case .run: "run"
    case .try: "try"
    case .wait: "wait"
    case .extended(let extended): extended.body.first?.kind.keyword ?? "do"
    }
  }
}

/// A processing event to send, and a reply to wait for. Source: "Call". A name that is no protocol of the standard is a
/// channel; `http` and `openapi` go to the channel `http`, `asyncapi` to the channel `asyncapi`.
public struct Call: Sendable {
  public let channel: String
  /// The data of the processing event; `nil` when the file has no `with`: an empty object is sent.
  public let with: Template?
}

/// Source: "Switch Case".
public struct SwitchCase: Sendable {
  public let name: String
  /// `nil` is the default case: it matches when no other does, wherever it stands.
  public let when: Expression?
  public let then: FlowDirective
}

/// Where the flow goes next. Source: "Flow Directive".
public enum FlowDirective: Sendable, Hashable {
  case `continue`
  /// Ends the scope that the task is in.
  case exit
  /// Ends the workflow.
  case end
  /// Goes to a task of the same scope; that it exists there was checked.
  case task(String)
}

/// The tasks of one `do`, in order. A flow directive can only go to a task of its own scope.
public struct TaskScope: Sendable, RandomAccessCollection {
  /// JSON pointer of the list itself, such as `/do` or `/do/0/outer/do`.
  public let reference: String
  public let tasks: [TaskDefinition]
  private let indexByName: [String: Int]

  init(reference: String, tasks: [TaskDefinition]) {
    self.reference = reference
    self.tasks = tasks
    indexByName = Dictionary(tasks.map { ($0.name, $0.index) }, uniquingKeysWith: { first, _ in first })
  }

  public var startIndex: Int { 0 }
  public var endIndex: Int { tasks.count }
  public subscript(position: Int) -> TaskDefinition { tasks[position] }

  public func index(ofTaskNamed name: String) -> Int? { indexByName[name] }
}

/// A place in a file; lines and columns count from 1, columns in characters.
public struct SourceLocation: Sendable, Hashable, CustomStringConvertible {
  public let file: String
  public let line: Int
  public let column: Int

  public init(file: String, line: Int, column: Int) {
    self.file = file
    self.line = line
    self.column = column
  }

  public var description: String { "\(file):\(line):\(column)" }
}
