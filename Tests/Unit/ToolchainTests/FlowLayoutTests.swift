import Testing

@testable import Toolchain

/// What holds of every picture, whatever the definition.
@Suite struct FlowLayoutTests {
  @Test func holdsForTheExample() throws { try check(try parsed(orderText).graph, "the example") }

  @Test func holdsForHostileNames() throws { try check(try parsed(hostileText).graph, "hostile names") }

  @Test(arguments: 0..<150)
  func holdsForRandomDefinitions(seed: UInt64) throws {
    var random = RandomTasks(seed: seed)
    let text = random.scope(depth: 4).joined(separator: "\n")
    try check(try workflow(text).graph, "seed \(seed):\n\(text)")
  }

  private func check(_ graph: FlowGraph, _ what: String) throws {
    let layout = FlowLayout(graph)
    let comment = Comment(rawValue: what)
    for group in graph.groups {
      let boxes = group.members.map { member in
        switch member {
        case .node(let id): layout.nodes[id]
        case .group(let id): layout.groups[id]
        }
      }
      #expect(boxes.allSatisfy { layout.groups[group.id].holds($0) }, comment)
      for (index, box) in boxes.enumerated() {
        #expect(boxes[..<index].allSatisfy { !$0.overlaps(box) }, comment)
      }
    }
    for (index, edge) in graph.edges.enumerated() {
      let points = layout.path(index).points
      #expect(points.allSatisfy { $0.x >= 0 && $0.y >= 0 && $0.x <= layout.width && $0.y <= layout.height }, comment)
      let end = try #require(points.last)
      #expect(layout.nodes[edge.to].touches(end) || edge.kind == .retry, comment)
      for (start, end) in zip(points, points.dropFirst()) {
        #expect(start.x == end.x || start.y == end.y, comment)
        let crossed = graph.nodes.first { layout.nodes[$0.id].isCrossed(start, end) }
        #expect(crossed == nil, "\(edge) crosses \(crossed?.title ?? ""): \(what)")
      }
    }
  }
}

extension FlowLayout.Box {
  func holds(_ other: Self) -> Bool { x <= other.x && y <= other.y && other.right <= right && other.bottom <= bottom }

  func overlaps(_ other: Self) -> Bool {
    x < other.right && other.x < right && y < other.bottom && other.y < bottom
  }

  func touches(_ point: FlowLayout.Point) -> Bool {
    x <= point.x && point.x <= right && y <= point.y && point.y <= bottom
  }

  /// Whether a line runs through the inside.
  func isCrossed(_ start: FlowLayout.Point, _ end: FlowLayout.Point) -> Bool {
    max(start.x, end.x) > x && min(start.x, end.x) < right && max(start.y, end.y) > y && min(start.y, end.y) < bottom
  }
}

/// Definitions as text, from a seed.
struct RandomTasks: RandomNumberGenerator {
  private var state: UInt64
  private var count = 0

  init(seed: UInt64) { state = seed }

  /// Source: SplitMix64.
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }

  /// - Parameter areBranches: a branch cannot lead to another.
  mutating func scope(depth: Int, areBranches: Bool = false) -> [String] {
    let names = (0..<Int.random(in: 1...4, using: &self)).map { _ in
      count += 1
      return "task\(count)"
    }
    return names.flatMap { task($0, among: areBranches ? [] : names, depth) }
  }

  private mutating func task(_ name: String, among names: [String], _ depth: Int) -> [String] {
    var lines: [String] = []
    if Int.random(in: 0..<4, using: &self) == 0 { lines.append("if: .x") }
    if Int.random(in: 0..<4, using: &self) == 0 { lines.append("then: \(directive(names))") }
    switch Int.random(in: 0..<(depth > 0 ? 9 : 4), using: &self) {
    case 0: lines.append("call: channel")
    case 1: lines.append("wait: PT1S")
    case 2:
      lines.append("raise: { error: { type: 'https://x.example/e', status: 400 } }")
      lines.removeAll { $0.hasPrefix("then") }
    case 3:
      lines.append("switch:")
      lines.append("  - one: { when: .x, then: \(directive(names)) }")
      lines.append("  - two: { when: .y, then: \(directive(names)) }")
    case 4: lines += ["do:"] + inside(depth)
    case 5: lines += ["for: { in: .x }", "do:"] + inside(depth)
    case 6:
      lines += ["fork:", "  branches:"] + inside(depth, areBranches: true).map { "  " + $0 }
    case 7:
      lines += ["try:"] + inside(depth)
      lines += ["catch:", "  retry: { delay: PT1S }", "  do:"] + inside(depth).map { "  " + $0 }
    default:
      lines += ["listen: { to: { any: [], until: .x } }", "foreach:", "  do:"] + inside(depth).map { "  " + $0 }
    }
    return ["- \(name):"] + lines.map { "    " + $0 }
  }

  private mutating func inside(_ depth: Int, areBranches: Bool = false) -> [String] {
    scope(depth: depth - 1, areBranches: areBranches).map { "  " + $0 }
  }

  private mutating func directive(_ names: [String]) -> String {
    (names + ["continue", "exit", "end"]).randomElement(using: &self) ?? "end"
  }
}
