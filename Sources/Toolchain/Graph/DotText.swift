extension FlowGraph {
  /// As a Graphviz graph. Source: graphviz.org/doc/info/lang.html.
  public func dot() -> String {
    var lines = [
      "digraph workflow {",
      // Edges end at the frames of groups only with `compound`.
      "  graph [compound=true, rankdir=TB, labelloc=t, labeljust=l, fontname=\"sans-serif\", label=\(Self.quoted([title]))]",
      "  node [shape=box, style=rounded, fontname=\"sans-serif\", fontsize=11, margin=\"0.15,0.08\"]",
      "  edge [fontname=\"sans-serif\", fontsize=10]",
    ]
    lines += dot(groups[0].members, indent: "  ")
    lines += edges.map { "  \(dot($0))" }
    return (lines + ["}"]).joined(separator: "\n") + "\n"
  }

  private func dot(_ members: [Group.Member], indent: String) -> [String] {
    members.flatMap { member -> [String] in
      switch member {
      case .node(let id): return [indent + dot(nodes[id])]
      case .group(let id):
        let group = groups[id]
        guard group.isFramed else { return dot(group.members, indent: indent) }
        let style = group.kind == .attempt ? "\"rounded,dashed\"" : "rounded"
        return [
          "\(indent)subgraph cluster_\(id) {", "\(indent)  label=\(Self.quoted([group.title]))",
          "\(indent)  style=\(style)", "\(indent)  color=gray50",
        ] + dot(group.members, indent: indent + "  ") + ["\(indent)}"]
      }
    }
  }

  private func dot(_ node: Node) -> String {
    let look =
      switch node.shape {
      case .start: ", shape=oval"
      case .end: ", shape=doublecircle, margin=0"
      case .faulted: ", shape=doublecircle, margin=0, color=red3"
      case .task: ""
      case .pause: ", style=\"rounded,dashed\""
      case .condition, .loop: ", shape=hexagon, style=solid"
      case .switch: ", shape=diamond, style=solid"
      case .fork, .join: ", style=bold"
      case .handler, .raise: ", color=red3"
      }
    return "n\(node.id) [label=\(Self.quoted([node.title] + node.details))\(look)]"
  }

  private func dot(_ edge: Edge) -> String {
    var attributes: [String] = []
    if let row = edge.row {
      attributes.append("label=\(Self.quoted([nodes[edge.from].rows[row]]))")
    } else if let label = edge.label {
      attributes.append("label=\(Self.quoted([label]))")
    }
    if let group = edge.fromGroup { attributes.append("ltail=cluster_\(group)") }
    switch edge.kind {
    case .flow, .loop: break
    case .error: attributes.append("style=dashed, color=red3")
    case .retry: attributes.append("style=dashed")
    }
    // Layers follow the order of the file; what goes back must not turn them round.
    if edge.to <= edge.from { attributes.append("constraint=false") }
    let list = attributes.isEmpty ? "" : " [\(attributes.joined(separator: ", "))]"
    return "n\(edge.from) -> n\(edge.to)\(list)"
  }

  /// A quoted label: Graphviz reads escapes of its own in there, and character entities.
  static func quoted(_ lines: [String]) -> String {
    let escaped = lines.map { line in
      var result = ""
      for character in line.unicodeScalars {
        switch character {
        case "\\": result += "\\\\"
        case "\"": result += "\\\""
        case "&": result += "&amp;"
        case "\n": result += " "
        default: result.unicodeScalars.append(character)
        }
      }
      return result
    }
    return "\"\(escaped.joined(separator: "\\n"))\""
  }
}
