/// The edges of a picture as lines.
extension FlowLayout {
  struct Point: Hashable {
    var x: Int
    var y: Int
  }

  struct Path: Hashable {
    var points: [Point]
    /// Where the name of the edge begins, or with ``isLabelBefore`` ends.
    var label: Point
    var isLabelBefore = false
  }

  func path(_ edge: Int) -> Path {
    let (info, route) = (graph.edges[edge], routes.routes[edge])
    let (from, to) = (nodes[info.from], nodes[info.to])
    switch route.form {
    case .across: return across(info)
    case .straight:
      guard route.drops.isEmpty else { return dropped(info, route) }
      return straight(from, to, info, route)
    case .lane(let lane):
      var path = start(info, route)
      let y = path.points[path.points.count - 1].y
      let x = laneX(route.group, route.side, lane)
      let above = top(ofMember: route.target, in: route.group) - Metrics.merge
      path.points += [
        Point(x: x, y: y), Point(x: x, y: above), Point(x: to.line, y: above), Point(x: to.line, y: to.y),
      ]
      return path
    }
  }

  private func across(_ edge: FlowGraph.Edge) -> Path {
    let isRetry = edge.kind == .retry
    let (left, right) = isRetry ? (edge.to, edge.from) : (edge.from, edge.to)
    let attempt = groups[frame(around: left, beside: right)]
    let y = min(nodes[right].middle, attempt.bottom - 20) + (isRetry ? 9 : -9)
    let points = [Point(x: attempt.right, y: y), Point(x: nodes[right].x, y: y)]
    let label = Point(x: attempt.right + 16, y: isRetry ? y + 14 : y - 5)
    return Path(points: isRetry ? points.reversed() : points, label: label)
  }

  /// The column that a node stands in, where another node stands in a column beside.
  private func frame(around node: Int, beside other: Int) -> Int {
    let row = graph.groups[graph.nodes[other].group].parent
    var group = graph.nodes[node].group
    while let parent = graph.groups[group].parent, parent != row { group = parent }
    return group
  }

  private func straight(_ from: Box, _ to: Box, _ edge: FlowGraph.Edge, _ route: FlowRoutes.Route) -> Path {
    // Bars are as wide as what is below or above them.
    let startX = graph.nodes[edge.from].shape == .fork ? to.line : from.line
    let endX = graph.nodes[edge.to].shape == .join ? from.line : to.line
    var points = [Point(x: startX, y: from.bottom)]
    if startX != endX {
      let y = top(ofMember: route.target, in: route.group) - Metrics.merge
      points += [Point(x: startX, y: y), Point(x: endX, y: y)]
    }
    points.append(Point(x: endX, y: to.y))
    return Path(points: points, label: Point(x: startX + 6, y: from.bottom + 14))
  }

  /// From the node to where the last column that it has to leave ends.
  private func start(_ edge: FlowGraph.Edge, _ route: FlowRoutes.Route) -> Path {
    let from = nodes[edge.from]
    let isLeft = route.side == .left && route.drops.isEmpty
    let y = edge.row.map { rowY(edge.from, $0) } ?? from.middle
    let begin = Point(x: isLeft ? from.x : from.right, y: y)
    var path = Path(points: [begin], label: Point(x: begin.x + (isLeft ? -5 : 5), y: y - 4), isLabelBefore: isLeft)
    for (index, drop) in route.drops.enumerated() {
      let down = channelY(drop)
      if let lane = drop.lane {
        let x = laneX(drop.column, .right, lane)
        path.points += [Point(x: x, y: path.points[path.points.count - 1].y), Point(x: x, y: down)]
      } else if index == 0 {
        path.points = [Point(x: from.line, y: from.bottom), Point(x: from.line, y: down)]
        path.label = Point(x: from.line + 6, y: from.bottom + 14)
      } else {
        let x = path.points[path.points.count - 1].x
        path.points.append(Point(x: x, y: down))
      }
    }
    return path
  }

  private func dropped(_ edge: FlowGraph.Edge, _ route: FlowRoutes.Route) -> Path {
    var path = start(edge, route)
    path.points[path.points.count - 1].y = nodes[edge.to].y
    return path
  }

  /// The middle of a row of a switch.
  func rowY(_ node: Int, _ row: Int) -> Int {
    let info = graph.nodes[node]
    return nodes[node].y + (1 + info.details.count + row) * Metrics.lineHeight + Metrics.lineHeight / 2 + 10
  }
}
