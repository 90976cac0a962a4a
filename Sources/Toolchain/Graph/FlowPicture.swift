extension FlowGraph {
  /// As a picture that needs nothing else: no font, no script, no program. Source: SVG 1.1.
  public func svg() -> String { FlowPicture(layout: FlowLayout(self)).svg() }
}

struct FlowPicture {
  let layout: FlowLayout
  private var graph: FlowGraph { layout.graph }
  private typealias Metrics = FlowLayout.Metrics

  func svg() -> String {
    let (width, height) = (layout.width, layout.height)
    var lines = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(width)\" height=\"\(height)\" "
        + "viewBox=\"0 0 \(width) \(height)\" role=\"img\">",
      "<title>\(Self.escaped(graph.title))</title>", "<style>\(Self.style)</style>",
      "<defs>\(Self.marker("flow"))\(Self.marker("error"))</defs>",
      "<rect class=\"paper\" width=\"\(width)\" height=\"\(height)\"/>",
      text(graph.title, Metrics.margin, Metrics.margin + 4, "name"),
    ]
    if let subtitle = graph.subtitle {
      lines.append(text(TextWidth.truncate(subtitle, to: 100), Metrics.margin, Metrics.margin + 21, "faint"))
    }
    lines += graph.groups.filter(\.isFramed).map(frame)
    lines += graph.edges.indices.map(edge)
    lines += graph.groups.filter { $0.isFramed && !$0.title.isEmpty }.map(heading)
    lines += graph.edges.indices.compactMap(edgeLabel)
    lines += graph.nodes.map(node)
    return (lines + ["</svg>"]).joined(separator: "\n") + "\n"
  }

  // MARK: Groups

  private func frame(_ group: FlowGraph.Group) -> String {
    let box = layout.groups[group.id]
    let look = group.kind == .attempt ? "frame attempt" : "frame"
    return
      "<rect class=\"\(look)\" x=\"\(box.x)\" y=\"\(box.y)\" width=\"\(box.width)\" height=\"\(box.height)\" rx=\"8\"/>"
  }

  private func heading(_ group: FlowGraph.Group) -> String {
    let box = layout.groups[group.id]
    return text(group.title, box.x + Metrics.textInset, box.y + 18, "heading")
  }

  // MARK: Edges

  private func edge(_ index: Int) -> String {
    let edge = graph.edges[index]
    let marker = edge.kind == .error ? "error" : "flow"
    return "<path class=\"edge \(edge.kind.rawValue)\" d=\"\(Self.line(layout.path(index).points))\" "
      + "marker-end=\"url(#arrow-\(marker))\"/>"
  }

  private func edgeLabel(_ index: Int) -> String? {
    guard let label = graph.edges[index].label else { return nil }
    let path = layout.path(index)
    return text(label, path.label.x, path.label.y, path.isLabelBefore ? "label before" : "label")
  }

  /// A line with round corners.
  static func line(_ points: [FlowLayout.Point]) -> String {
    var corners: [FlowLayout.Point] = []
    for point in points where point != corners.last {
      // Three points on one line are two.
      if corners.count > 1 {
        let (before, last) = (corners[corners.count - 2], corners[corners.count - 1])
        let isOneLine = (before.x == last.x && last.x == point.x) || (before.y == last.y && last.y == point.y)
        if isOneLine { corners.removeLast() }
      }
      corners.append(point)
    }
    guard let first = corners.first, let last = corners.last else { return "" }
    var text = "M\(first.x) \(first.y)"
    for index in corners.indices.dropFirst().dropLast() {
      let corner = corners[index]
      let (start, end) = (near(corner, corners[index - 1]), near(corner, corners[index + 1]))
      text += "L\(start.x) \(start.y)Q\(corner.x) \(corner.y) \(end.x) \(end.y)"
    }
    return text + "L\(last.x) \(last.y)"
  }

  /// A few pixels from a corner towards a neighbour, at most half the way.
  private static func near(_ corner: FlowLayout.Point, _ other: FlowLayout.Point) -> FlowLayout.Point {
    let (x, y) = (other.x - corner.x, other.y - corner.y)
    let length = min(6, max(abs(x), abs(y)) / 2)
    return FlowLayout.Point(x: corner.x + x.signum() * length, y: corner.y + y.signum() * length)
  }

  // MARK: Nodes

  private func node(_ node: FlowGraph.Node) -> String {
    let box = layout.nodes[node.id]
    let tip = node.reference.map { "<title>\(Self.escaped(TextWidth.plain($0)))</title>" } ?? ""
    var parts = ["<g class=\"\(node.shape.rawValue)\">\(tip)\(outline(node, box))"]
    // What is centred is short; the rows of a switch are read like a table.
    let isCentred = node.rows.isEmpty
    let x = isCentred ? box.line : box.x + Metrics.textInset
    var y = box.y + 18
    for (index, line) in ([node.title] + node.details).enumerated() {
      let look = (index == 0 ? "name" : "detail") + (isCentred ? " centred" : "")
      parts.append(text(line, x, y, look))
      y += Metrics.lineHeight
    }
    for (index, row) in node.rows.enumerated() {
      let middle = layout.rowY(node.id, index)
      let line = middle - Metrics.lineHeight / 2
      parts.append("<path class=\"rule\" d=\"M\(box.x) \(line)H\(box.right)\"/>")
      parts.append(text(row, x, middle + 4, "detail"))
    }
    return parts.joined() + "</g>"
  }

  private func outline(_ node: FlowGraph.Node, _ box: FlowLayout.Box) -> String {
    switch node.shape {
    case .condition, .loop, .raise:
      let (left, right, middle) = (box.x, box.right, box.middle)
      let inset = 10
      // An arrow to the left for what throws, a hexagon for what decides.
      let far = node.shape == .raise ? right : right - inset
      let tip = node.shape == .raise ? "" : " \(right),\(middle)"
      return "<polygon class=\"node\" points=\"\(left),\(middle) \(left + inset),\(box.y) \(far),\(box.y)\(tip) "
        + "\(far),\(box.bottom) \(left + inset),\(box.bottom)\"/>"
    case .start, .end, .faulted: return rectangle(box, radius: min(box.height / 2, 18))
    case .pause: return rectangle(box, radius: 14)
    case .fork, .join: return rectangle(box, radius: 2)
    case .task, .switch, .handler: return rectangle(box, radius: 6)
    }
  }

  private func rectangle(_ box: FlowLayout.Box, radius: Int) -> String {
    "<rect class=\"node\" x=\"\(box.x)\" y=\"\(box.y)\" width=\"\(box.width)\" height=\"\(box.height)\" rx=\"\(radius)\"/>"
  }

  // MARK: Text

  private func text(_ text: String, _ x: Int, _ y: Int, _ look: String) -> String {
    "<text class=\"\(look)\" x=\"\(x)\" y=\"\(y)\">\(Self.escaped(text))</text>"
  }

  /// What XML takes for its own, and what it cannot hold at all (XML 1.0, section 2.2).
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\u{0}"..<" ", "\u{FFFE}", "\u{FFFF}": result += "\u{FFFD}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  private static func marker(_ name: String) -> String {
    "<marker id=\"arrow-\(name)\" class=\"head \(name)\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" "
      + "markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker>"
  }

  /// Colours are set twice, and not by variables: more programs that show SVG know that.
  private static let style = """

    text { font: 12px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; fill: #1f2328; white-space: pre; }
    .name { font-weight: bold; } .centred { text-anchor: middle; } .before { text-anchor: end; }
    .detail, .faint, .heading { fill: #59636e; } .label { fill: #59636e; font-size: 11px; }
    .heading, .label { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }
    .paper { fill: #ffffff; } .frame { fill: none; stroke: #b6bec8; } .attempt { stroke-dasharray: 4 3; }
    .node { fill: #f6f8fa; stroke: #59636e; } .rule { stroke: #d1d9e0; }
    .start .node, .end .node { stroke: #1a7f37; stroke-width: 2; } .switch .node, .condition .node { stroke: #9a6700; }
    .pause .node { stroke: #8250df; } .loop .node, .fork .node, .join .node { stroke: #0969da; }
    .handler .node, .raise .node, .faulted .node { stroke: #cf222e; }
    .edge { fill: none; stroke: #59636e; stroke-width: 1.3; } .head { fill: #59636e; }
    .edge.error { stroke: #cf222e; stroke-dasharray: 5 3; } .head.error { fill: #cf222e; }
    .retry { stroke-dasharray: 5 3; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; } .detail, .faint, .heading, .label { fill: #9198a1; }
      .heading, .label { stroke: #0d1117; } .paper { fill: #0d1117; } .frame { stroke: #3d444d; }
      .node { fill: #151b23; stroke: #9198a1; } .rule { stroke: #3d444d; }
      .start .node, .end .node { stroke: #3fb950; } .switch .node, .condition .node { stroke: #d29922; }
      .pause .node { stroke: #ab7df8; } .loop .node, .fork .node, .join .node { stroke: #4493f8; }
      .handler .node, .raise .node, .faulted .node { stroke: #f85149; }
      .edge { stroke: #9198a1; } .head { fill: #9198a1; } .edge.error { stroke: #f85149; } .head.error { fill: #f85149; }
    }

    """
}
