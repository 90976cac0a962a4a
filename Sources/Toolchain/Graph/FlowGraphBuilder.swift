import Workflow

extension FlowGraph {
  public init(_ definition: WorkflowDefinition) {
    var builder = FlowGraphBuilder(definition)
    builder.build(definition)
    self = builder.graph
  }
}

/// Walks through a definition in the order of the file. What a task leads to is not known when the task is met, so that
/// its ends stay loose until the next node is made.
struct FlowGraphBuilder {
  /// The beginning of an edge.
  struct Loose {
    var node: Int
    var row: Int?
    var label: String?
  }

  /// What leads out of a task, and where to.
  typealias Exit = (end: Loose, to: FlowDirective)

  /// What leads out of a scope.
  struct ScopeEnds {
    /// Past its last task.
    var reached: [Loose] = []
    /// By `exit`.
    var left: [Loose] = []

    var all: [Loose] { reached + left }
  }

  var graph: FlowGraph
  let caption = TaskCaption(limit: 44)
  /// What ends the workflow, from wherever.
  var ends: [Loose] = []
  /// Errors that are raised where nothing catches.
  var faults: [Loose] = []
  var attemptDepth = 0
  /// Functions that have been drawn: what is called from many places is drawn once.
  var drawnFunctions: Set<String> = []

  init(_ definition: WorkflowDefinition) {
    let document = definition.document
    graph = FlowGraph(
      title: "\(document.namespace)/\(document.name) \(document.version)",
      subtitle: document.title.map { TextWidth.plain($0) })
  }

  mutating func build(_ definition: WorkflowDefinition) {
    let root = group(.workflow, "", in: nil)
    var details = caption.start(definition.schedule)
    if let timeout = definition.timeout { details.append("within \(caption.duration(timeout))") }
    let start = node(.start, "start", details, in: root, from: [])
    let reached = scope(definition.tasks, in: root, from: [Loose(node: start)]).all
    node(.end, "end", [], in: root, from: reached + ends)
    if !faults.isEmpty { node(.faulted, "faulted", [], in: root, from: faults, .error) }
  }

  // MARK: Parts

  mutating func group(_ kind: FlowGraph.Group.Kind, _ title: String, in parent: Int?) -> Int {
    let id = graph.groups.count
    graph.groups.append(.init(id: id, kind: kind, title: title, parent: parent))
    if let parent { graph.groups[parent].members.append(.group(id)) }
    return id
  }

  @discardableResult
  mutating func node(
    _ shape: FlowGraph.Node.Shape, _ title: String, _ details: [String], rows: [String] = [], in group: Int,
    reference: String? = nil, from loose: [Loose], _ kind: FlowGraph.Edge.Kind = .flow
  ) -> Int {
    let id = graph.nodes.count
    graph.nodes.append(
      .init(
        id: id, shape: shape, title: title, details: details, rows: rows, group: group, reference: reference))
    graph.groups[group].members.append(.node(id))
    connect(loose, to: id, kind)
    return id
  }

  mutating func connect(_ loose: [Loose], to node: Int, _ kind: FlowGraph.Edge.Kind = .flow) {
    for end in loose {
      graph.edges.append(.init(from: end.node, to: node, kind: kind, label: end.label, row: end.row))
    }
  }

  // MARK: Scopes

  mutating func scope(_ tasks: TaskScope, in group: Int, from loose: [Loose]) -> ScopeEnds {
    var ends = ScopeEnds(reached: loose)
    var entries: [String: Int] = [:]
    var jumps: [(end: Loose, to: String)] = []
    for task in tasks {
      // A task's first node is where the flow enters it.
      entries[task.name] = graph.nodes.count
      let exits = self.task(task, in: group, from: ends.reached)
      ends.reached = []
      for exit in exits {
        switch exit.to {
        case .continue: ends.reached.append(exit.end)
        case .exit: ends.left.append(exit.end)
        case .end: self.ends.append(exit.end)
        case .task(let name): jumps.append((exit.end, name))
        }
      }
    }
    if tasks.isEmpty { ends.reached = [Loose(node: node(.task, "nothing", [], in: group, from: loose))] }
    for jump in jumps {
      if let entry = entries[jump.to] { connect([jump.end], to: entry) }
    }
    return ends
  }

  mutating func task(_ task: TaskDefinition, in group: Int, from loose: [Loose]) -> [Exit] {
    guard let condition = task.condition else { return body(task, in: group, from: loose) }
    let question = node(
      .condition, "if", [caption.expression(condition)], in: group, reference: task.reference, from: loose)
    // A task that is skipped is followed by the next one, whatever its `then` says.
    return body(task, in: group, from: [Loose(node: question, label: "yes")])
      + [(Loose(node: question, label: "no"), .continue)]
  }

  private mutating func body(_ task: TaskDefinition, in group: Int, from loose: [Loose]) -> [Exit] {
    switch task.kind {
    case .set, .call, .emit, .run: return simple(.task, task, in: group, from: loose)
    case .wait: return simple(.pause, task, in: group, from: loose)
    case .raise:
      let id = node(task, .raise, in: group, from: loose)
      if attemptDepth == 0 { faults.append(Loose(node: id)) }
      return []
    case .switch(let cases): return choice(cases, task, in: group, from: loose)
    case .do(let tasks):
      let inside = self.group(.scope, heading(task), in: group)
      return exits(scope(tasks, in: inside, from: loose).all, task)
    case .for(let loop): return repeated(loop.tasks, .loop, "item", task, in: group, from: loose)
    case .listen(let listen):
      guard let tasks = listen.iterator?.tasks else { return simple(.pause, task, in: group, from: loose) }
      return repeated(tasks, .pause, "event", task, in: group, from: loose)
    case .fork(let fork): return branches(fork, task, in: group, from: loose)
    case .try(let attempt): return handled(attempt, task, in: group, from: loose)
    case .function(let function): return called(function, task, in: group, from: loose)
    case .extended(let extended): return surrounded(extended, task, in: group, from: loose)
    }
  }

  func exits(_ loose: [Loose], _ task: TaskDefinition) -> [Exit] { loose.map { ($0, task.then ?? .continue) } }

  func heading(_ task: TaskDefinition) -> String {
    ([caption.name(task.name)] + caption.lines(task)).joined(separator: " · ")
  }

  mutating func node(
    _ task: TaskDefinition, _ shape: FlowGraph.Node.Shape, rows: [String] = [], in group: Int, from loose: [Loose]
  ) -> Int {
    node(
      shape, caption.name(task.name), caption.lines(task), rows: rows, in: group, reference: task.reference,
      from: loose)
  }

  mutating func simple(
    _ shape: FlowGraph.Node.Shape, _ task: TaskDefinition, in group: Int, from loose: [Loose]
  ) -> [Exit] {
    exits([Loose(node: node(task, shape, in: group, from: loose))], task)
  }
}
