/// Where everything of a picture lies, in pixels. Columns are lined up along their spine: the line down which the flow
/// goes when nothing bends it.
struct FlowLayout {
  struct Box: Hashable {
    var x = 0
    var y = 0
    var width = 0
    var height = 0
    /// Where the flow enters and leaves, from the left.
    var spine = 0

    var right: Int { x + width }
    var bottom: Int { y + height }
    var middle: Int { y + height / 2 }
    var line: Int { x + spine }
  }

  /// Lengths of the parts, in pixels.
  enum Metrics {
    /// Of a column of the 12 px monospaced font.
    static let character = 7.3
    static let lineHeight = 16
    static let textInset = 12
    static let gap = 36
    /// How far above a node edges come together.
    static let merge = 14
    static let lane = 12
    static let inset = 14
    static let heading = 26
    static let branchGap = 24
    /// Between what is tried and its `catch`: the names of the edges stand there.
    static let handlerGap = 76
    /// Below a row, for edges that leave it.
    static let channel = 10
    static let channelGap = 7
    static let margin = 24
    static let title = 44
  }

  let graph: FlowGraph
  let routes: FlowRoutes
  private(set) var nodes: [Box]
  private(set) var groups: [Box]

  init(_ graph: FlowGraph) {
    self.graph = graph
    routes = FlowRoutes(graph)
    nodes = graph.nodes.map(Self.size)
    groups = Array(repeating: Box(), count: graph.groups.count)
    measure(0)
    place(0, x: Metrics.margin, y: Metrics.margin)
  }

  var width: Int { max(groups[0].right, Self.width(graph.title) + Metrics.margin) + Metrics.margin }
  var height: Int { groups[0].bottom + Metrics.margin }

  static func width(_ text: String) -> Int { Int((Double(TextWidth.of(text)) * Metrics.character).rounded(.up)) }

  // MARK: Sizes

  private static func size(_ node: FlowGraph.Node) -> Box {
    let texts = [node.title] + node.details + node.rows
    var box = Box()
    box.width = max(texts.map { width($0) }.max() ?? 0, 56) + 2 * Metrics.textInset
    box.height = texts.count * Metrics.lineHeight + 12 + (node.rows.isEmpty ? 0 : 6)
    // Ends that slant need room beside the text.
    if [.condition, .loop, .raise].contains(node.shape) { box.width += 16 }
    box.spine = box.width / 2
    return box
  }

  private mutating func measure(_ group: Int) {
    for case .group(let id) in graph.groups[group].members { measure(id) }
    if graph.groups[group].kind == .row { measureRow(group) } else { measureColumn(group) }
  }

  private mutating func measureRow(_ group: Int) {
    let gap = columnGap(group)
    var box = Box()
    for (index, member) in graph.groups[group].members.enumerated() {
      let column = self.box(member)
      if index > 0 { box.width += gap } else { box.spine = column.spine }
      set(member, x: box.width, y: 0)
      box.width += column.width
      box.height = max(box.height, column.height)
    }
    if gap == Metrics.branchGap { box.spine = box.width / 2 }
    box.height += Metrics.channel + routes.channelCount(group) * Metrics.channelGap
    groups[group] = box
  }

  private func columnGap(_ row: Int) -> Int {
    let isTry = graph.groups[row].parent.map { graph.groups[$0].kind == .try } ?? false
    return isTry ? Metrics.handlerGap : Metrics.branchGap
  }

  private mutating func measureColumn(_ group: Int) {
    let info = graph.groups[group]
    if info.kind == .fork { stretchBars(info) }
    let (left, right) = (laneRoom(group, .left), laneRoom(group, .right))
    let inset = info.isFramed ? Metrics.inset : 0
    let boxes = info.members.map { self.box($0) }
    let before = info.members.indices.map { boxes[$0].spine + labelRoom(info.members[$0], .left) }.max() ?? 0
    let after =
      info.members.indices.map {
        boxes[$0].width - boxes[$0].spine + labelRoom(info.members[$0], .right)
      }.max() ?? 0
    var box = Box()
    box.spine = inset + left + before
    var y = info.isFramed ? Metrics.heading + Metrics.merge : (info.kind == .workflow ? Metrics.title : 0)
    for (index, member) in info.members.enumerated() {
      if index > 0 { y += Metrics.gap }
      set(member, x: box.spine - boxes[index].spine, y: y)
      y += boxes[index].height
    }
    box.height = y + (info.isFramed ? Metrics.inset : 0)
    box.width = box.spine + after + right + inset
    if info.isFramed { box.width = max(box.width, Self.width(info.title) + 2 * Metrics.textInset) }
    groups[group] = box
  }

  /// The bars where branches begin and meet are as wide as all branches.
  private mutating func stretchBars(_ fork: FlowGraph.Group) {
    var row = Box()
    for case .group(let id) in fork.members { row = groups[id] }
    for case .node(let id) in fork.members where nodes[id].width < row.width {
      nodes[id].width = row.width
      nodes[id].spine = row.spine
    }
  }

  private func laneRoom(_ group: Int, _ side: FlowRoutes.Side) -> Int {
    let count = routes.laneCount(group, side)
    return count == 0 ? 0 : count * Metrics.lane + 4
  }

  /// Edges that leave at the side are named there.
  private func labelRoom(_ member: FlowGraph.Group.Member, _ side: FlowRoutes.Side) -> Int {
    guard case .node(let id) = member else { return 0 }
    let labels = graph.edges.indices.compactMap { index -> String? in
      guard graph.edges[index].from == id, case .lane = routes.routes[index].form, routes.routes[index].side == side
      else { return nil }
      return graph.edges[index].label
    }
    return labels.map { Self.width($0) + 10 }.max() ?? 0
  }

  // MARK: Places

  private func box(_ member: FlowGraph.Group.Member) -> Box {
    switch member {
    case .node(let id): nodes[id]
    case .group(let id): groups[id]
    }
  }

  private mutating func set(_ member: FlowGraph.Group.Member, x: Int, y: Int) {
    switch member {
    case .node(let id): (nodes[id].x, nodes[id].y) = (x, y)
    case .group(let id): (groups[id].x, groups[id].y) = (x, y)
    }
  }

  /// Moves a group with everything in it; until then, places are those within the group around.
  private mutating func place(_ group: Int, x: Int, y: Int) {
    (groups[group].x, groups[group].y) = (x, y)
    for member in graph.groups[group].members {
      let inside = box(member)
      switch member {
      case .node: set(member, x: x + inside.x, y: y + inside.y)
      case .group(let id): place(id, x: x + inside.x, y: y + inside.y)
      }
    }
  }

  /// The middle of a lane.
  func laneX(_ group: Int, _ side: FlowRoutes.Side, _ lane: Int) -> Int {
    let box = groups[group]
    let inset = graph.groups[group].isFramed ? Metrics.inset : 0
    let room = laneRoom(group, side)
    let distance = inset + room - 4 - lane * Metrics.lane - Metrics.lane / 2
    return side == .left ? box.x + distance : box.right - distance
  }

  func top(ofMember index: Int, in group: Int) -> Int { box(graph.groups[group].members[index]).y }

  /// Where edges leave a row of columns.
  func channelY(_ drop: FlowRoutes.Drop) -> Int {
    guard let row = graph.groups[drop.column].parent else { return groups[drop.column].bottom }
    return groups[row].bottom - drop.channel * Metrics.channelGap
  }
}
