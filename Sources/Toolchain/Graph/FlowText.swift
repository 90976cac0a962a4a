import Workflow

/// A definition as an indented flow for a terminal: one line a task, frames around what is inside of another task.
public struct FlowText {
  private let caption: TaskCaption
  private let width: Int
  private var lines: [String] = []

  /// - Parameter width: in columns; a longer line is cut.
  public static func render(_ definition: WorkflowDefinition, width: Int) -> String {
    var text = FlowText(width: max(width, 20))
    text.add(definition)
    return text.lines.joined(separator: "\n") + "\n"
  }

  private init(width: Int) {
    caption = TaskCaption(limit: max(width, 20))
    self.width = width
  }

  private mutating func line(_ text: String) {
    var text = text
    while text.last == " " { text.removeLast() }
    lines.append(TextWidth.truncate(text, to: width))
  }

  private mutating func add(_ definition: WorkflowDefinition) {
    let document = definition.document
    let title = document.title.map { " – \(caption.short($0))" } ?? ""
    line("\(document.namespace)/\(document.name) \(document.version)\(title)")
    let start = caption.start(definition.schedule)
    line("● \(start[0])")
    for detail in start.dropFirst() { line("│   \(detail)") }
    if let timeout = definition.timeout { line("│   within \(caption.duration(timeout))") }
    line("│")
    scope(definition.tasks, "")
    line("│")
    line("○ end")
  }

  // MARK: Tasks

  private mutating func scope(_ tasks: TaskScope, _ indent: String) { for task in tasks { add(task, indent) } }

  private mutating func add(_ task: TaskDefinition, _ indent: String) {
    let then = task.then.flatMap { $0 == .continue ? nil : " → \(target($0))" } ?? ""
    let inner = indent + "│  "
    let details = caption.lines(task)
    if let condition = task.condition { line("\(indent)├╴if \(caption.expression(condition))") }
    line("\(indent)├─ \(caption.name(task.name)): \(details[0])\(then)")
    for detail in details.dropFirst() { line("\(inner)  \(detail)") }
    inside(task, inner)
  }

  private func target(_ directive: FlowDirective) -> String {
    switch directive {
    case .continue: "continue"
    case .exit: "exit"
    case .end: "end"
    case .task(let name): caption.name(name)
    }
  }

  private mutating func inside(_ task: TaskDefinition, _ indent: String) {
    switch task.kind {
    case .set, .call, .emit, .raise, .run, .wait: break
    case .switch(let cases):
      for item in cases { line("\(indent)├╴\(caption.row(item)) → \(target(item.then))") }
      if !cases.contains(where: { $0.when == nil }) {
        line("\(indent)╰╴otherwise → \(target(task.then ?? .continue))")
      }
    case .do(let tasks): frame("", tasks, indent)
    case .for(let loop): frame("each \(caption.name(loop.each))", tasks: loop.tasks, end: "next ↑", indent)
    case .listen(let listen):
      if let tasks = listen.iterator?.tasks { frame("each event", tasks: tasks, end: "next ↑", indent) }
    case .fork(let fork):
      for branch in fork.branches {
        frame("branch", indent) { $0.add(branch, indent) }
      }
    case .try(let attempt):
      frame("try", attempt.tasks, indent)
      let handler = caption.handler(attempt.catch)
      frame(handler[0], indent) { text in
        for detail in handler.dropFirst() { text.line("\(indent)│  \(detail)") }
        if let tasks = attempt.catch.tasks { text.scope(tasks, indent) }
      }
    case .function(let function): functionBody(function, indent)
    case .extended(let extended): surrounded(extended, indent)
    }
  }

  private var shownFunctions: Set<String> = []

  private mutating func functionBody(_ function: FunctionCall, _ indent: String) {
    guard shownFunctions.insert(function.body.reference).inserted else { return line("\(indent)· shown above") }
    frame("function \(caption.name(function.name))", function.body, indent)
  }

  private mutating func surrounded(_ extended: ExtendedTask, _ indent: String) {
    func title(_ place: String, _ item: Extension) -> String {
      let when = item.when.map { ", if \(caption.expression($0))" } ?? ""
      return "\(place), extension \(caption.name(item.name))\(when)"
    }
    for item in extended.extensions {
      if let tasks = item.before { frame(title("before", item), tasks, indent) }
    }
    for task in extended.body { inside(task, indent) }
    for item in extended.extensions.reversed() {
      if let tasks = item.after { frame(title("after", item), tasks, indent) }
    }
  }

  // MARK: Frames

  private mutating func frame(_ title: String, _ tasks: TaskScope, _ indent: String) {
    frame(title, tasks: tasks, end: "", indent)
  }

  private mutating func frame(_ title: String, tasks: TaskScope, end: String, _ indent: String) {
    frame(title, end: end, indent) { $0.scope(tasks, indent) }
  }

  private mutating func frame(
    _ title: String, end: String = "", _ indent: String, _ body: (inout FlowText) -> Void
  ) {
    line("\(indent)╭╴\(title)")
    body(&self)
    line("\(indent)╰╴\(end)")
  }
}
