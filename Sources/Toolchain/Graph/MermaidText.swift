extension FlowGraph {
  /// As a Mermaid flowchart. Source: mermaid.js.org/syntax/flowchart.html.
  public func mermaid() -> String {
    var lines = ["---", "title: \"\(title)\"", "---", "flowchart TD"]
    lines += mermaid(groups[0].members, indent: "  ")
    lines += edges.map { "  \(mermaid($0))" }
    // Only strokes are coloured: those can be seen on light and on dark.
    lines += Self.styles(nodes).map { "  \($0)" }
    return lines.joined(separator: "\n") + "\n"
  }

  private func mermaid(_ members: [Group.Member], indent: String) -> [String] {
    members.flatMap { member -> [String] in
      switch member {
      case .node(let id): return [indent + mermaid(nodes[id])]
      case .group(let id):
        let group = groups[id]
        guard group.isFramed else { return mermaid(group.members, indent: indent) }
        let title = group.title.isEmpty ? " " : Self.mermaid(group.title)
        return ["\(indent)subgraph g\(id)[\"\(title)\"]"]
          + mermaid(group.members, indent: indent + "  ") + ["\(indent)end"]
      }
    }
  }

  private func mermaid(_ node: Node) -> String {
    let text = ([node.title] + node.details).map(Self.mermaid).joined(separator: "<br/>")
    let (left, right) =
      switch node.shape {
      case .start: ("([", "])")
      case .end, .faulted: ("((", "))")
      case .task: ("[", "]")
      case .pause: ("(", ")")
      case .condition, .loop: ("{{", "}}")
      case .switch: ("{", "}")
      case .fork, .join: ("[[", "]]")
      case .handler: ("[/", "/]")
      case .raise: (">", "]")
      }
    return "n\(node.id)\(left)\"\(text)\"\(right)"
  }

  private func mermaid(_ edge: Edge) -> String {
    let from = edge.fromGroup.map { "g\($0)" } ?? "n\(edge.from)"
    let arrow = edge.kind == .flow || edge.kind == .loop ? "-->" : "-.->"
    let label = (edge.row.map { nodes[edge.from].rows[$0] } ?? edge.label).map { "|\"\(Self.mermaid($0))\"|" } ?? ""
    return "\(from) \(arrow)\(label) n\(edge.to)"
  }

  private static func styles(_ nodes: [Node]) -> [String] {
    let bad = nodes.filter { [.raise, .handler, .faulted].contains($0.shape) }.map { "n\($0.id)" }
    guard !bad.isEmpty else { return [] }
    return ["classDef error stroke:#d33", "class \(bad.joined(separator: ",")) error"]
  }

  /// Everything that Mermaid, Markdown, HTML or its icons could take for their own as a character code; they are put
  /// back after all of these have read the text.
  static func mermaid(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    let digits = scalars.prefix { ("0"..."9").contains($0) }.count
    var result = ""
    for (index, scalar) in scalars.enumerated() {
      switch scalar {
      // A number with a point at the beginning would be a list.
      case _ where index == digits && digits > 0 && [".", ")"].contains(scalar): result += "#\(scalar.value);"
      case "a"..."z", "A"..."Z", "0"..."9", " ", "_", ",", ".", "=", "(", ")", "/": result.unicodeScalars.append(scalar)
      case ":" where scalars[(index + 1)...].first == " ": result.unicodeScalars.append(scalar)
      // `fa:fa-car` is a car, even as character codes.
      case ":" where scalars[(index + 1)...].starts(with: "fa-".unicodeScalars): result += "#58;#8203;"
      case "\"": result += "#quot;"
      case "<": result += "#lt;"
      case ">": result += "#gt;"
      // Two of them begin a formula, even as character codes.
      case "$": result += index > 0 && scalars[index - 1] == "$" ? "#8203;#36;" : "#36;"
      case _ where scalar.value > 0x9F: result.unicodeScalars.append(scalar)
      default: result += "#\(scalar.value);"
      }
    }
    return result
  }
}
