/// How the edges of a picture run, told without any length.
///
/// A scope is a column of its members, so an edge goes straight down to the member below, or leaves its node at the
/// side, runs along the column in a lane of its own, and comes to its target from above. Lanes on the right lead
/// forward, lanes on the left back.
struct FlowRoutes {
  enum Side: Hashable { case left, right }

  enum Form: Hashable {
    /// To the member below.
    case straight
    /// Between the columns of a row: an error that is caught, another attempt.
    case across
    case lane(Int)
  }

  /// The way out of a column that stands in a row with others.
  struct Drop: Hashable {
    let column: Int
    /// Nil: down from the bottom of the last node, where nothing is in the way.
    let lane: Int?
    /// Below the row, from the bottom: edges to one node leave together.
    let channel: Int
  }

  struct Route: Hashable {
    /// The innermost group that both ends are in.
    let group: Int
    let side: Side
    var form: Form
    /// From the inside to the outside.
    var drops: [Drop] = []
    /// Which member of the group leads to the target.
    let target: Int
  }

  /// One for every edge.
  private(set) var routes: [Route] = []
  /// By number: the stretches that are taken, and by edges to which node.
  private var lanes: [LaneGroup: [[(members: ClosedRange<Int>, to: Int)]]] = [:]
  /// Which nodes the edges lead to that leave a row, by row.
  private var channels: [Int: [Int]] = [:]
  private let graph: FlowGraph
  private var nodeIndex: [Int]
  private var groupIndex: [Int]

  private struct LaneGroup: Hashable {
    let group: Int
    let side: Side
  }

  init(_ graph: FlowGraph) {
    self.graph = graph
    nodeIndex = Array(repeating: 0, count: graph.nodes.count)
    groupIndex = Array(repeating: 0, count: graph.groups.count)
    for group in graph.groups {
      for (index, member) in group.members.enumerated() {
        switch member {
        case .node(let id): nodeIndex[id] = index
        case .group(let id): groupIndex[id] = index
        }
      }
    }
    for edge in graph.edges { routes.append(route(edge)) }
  }

  func channelCount(_ row: Int) -> Int { channels[row]?.count ?? 0 }

  func laneCount(_ group: Int, _ side: Side) -> Int { lanes[LaneGroup(group: group, side: side)]?.count ?? 0 }

  // MARK: Routes

  private mutating func route(_ edge: FlowGraph.Edge) -> Route {
    let (from, to) = (chain(edge.from), chain(edge.to))
    // The chains begin at the whole workflow, so they have at least that in common.
    var common = zip(from, to).prefix { $0 == $1 }.count
    // From the handler back to the beginning of the task: around the whole row.
    if isRow(from[common - 1]), edge.kind == .flow || edge.kind == .loop { common -= 1 }
    let group = from[common - 1]
    let source = index(below: common, from, edge.from)
    let target = index(below: common, to, edge.to)
    if isRow(group) {
      return Route(group: group, side: .right, form: .across, target: target)
    }
    let side: Side = target > source ? .right : .left
    var route = Route(group: group, side: side, form: .straight, target: target)
    let inner = Array(from.dropFirst(common))
    if edge.row == nil, target == source + 1, inner.allSatisfy({ isRow($0) || isLast(edge.from, in: $0) }) {
      return route
    }
    for column in inner.reversed() where graph.groups[column].parent.map(isRow) == true {
      let isFree = edge.row == nil && isLast(edge.from, in: column)
      let members = index(of: edge.from, in: column)...graph.groups[column].members.count
      let lane = isFree ? nil : lane(column, .right, members, to: edge.to)
      route.drops.append(Drop(column: column, lane: lane, channel: channel(column, to: edge.to)))
    }
    // Where branches meet, the way down is the whole way.
    if graph.nodes[edge.to].shape == .join, !route.drops.isEmpty { return route }
    let members = side == .right ? source...(target - 1) : target...source
    route.form = .lane(lane(group, side, members, to: edge.to))
    return route
  }

  private func isRow(_ group: Int) -> Bool { graph.groups[group].kind == .row }

  /// The groups around a node, from the outermost.
  private func chain(_ node: Int) -> [Int] {
    var chain = [graph.nodes[node].group]
    while let parent = graph.groups[chain[chain.count - 1]].parent { chain.append(parent) }
    return chain.reversed()
  }

  private func index(below common: Int, _ chain: [Int], _ node: Int) -> Int {
    common < chain.count ? groupIndex[chain[common]] : nodeIndex[node]
  }

  /// Which member of a group leads to a node.
  private func index(of node: Int, in group: Int) -> Int {
    let chain = chain(node)
    return index(below: (chain.firstIndex(of: group) ?? 0) + 1, chain, node)
  }

  /// Whether nothing lies below a node until the end of a group.
  private func isLast(_ node: Int, in group: Int) -> Bool {
    chain(node).drop { $0 != group }.allSatisfy { around in
      isRow(around) || index(of: node, in: around) == graph.groups[around].members.count - 1
    }
  }

  /// The first lane that is free there; edges to the same node may run in the same one.
  private mutating func lane(_ group: Int, _ side: Side, _ members: ClosedRange<Int>, to node: Int) -> Int {
    let key = LaneGroup(group: group, side: side)
    var lanes = self.lanes[key] ?? []
    let number =
      lanes.firstIndex { lane in !lane.contains { $0.to != node && $0.members.overlaps(members) } } ?? lanes.count
    if number == lanes.count { lanes.append([]) }
    lanes[number].append((members, node))
    self.lanes[key] = lanes
    return number
  }

  private mutating func channel(_ column: Int, to node: Int) -> Int {
    guard let row = graph.groups[column].parent else { return 0 }
    var nodes = channels[row] ?? []
    let place = nodes.firstIndex(of: node) ?? nodes.count
    if place == nodes.count { nodes.append(node) }
    channels[row] = nodes
    return place
  }
}
