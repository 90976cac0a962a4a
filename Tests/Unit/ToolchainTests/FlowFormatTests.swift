import Testing
import Toolchain
import Workflow

/// The formats that other programs read. What these make of them was looked at by hand; here stands what must not be
/// lost again.
@Suite struct FlowFormatTests {
  @Test func mermaid() throws {
    let graph = try graph(
      """
      - t:
          try: [ { a: { if: '${ .x > 1 }', call: x } } ]
          catch: { retry: { delay: PT1S } }
      """)
    #expect(
      graph.mermaid() == """
        ---
        title: "test/example 1.0.0"
        ---
        flowchart TD
          n0(["start<br/>when asked for"])
          subgraph g1["t · try"]
            subgraph g3[" "]
              n1{{"if<br/>.x #gt; 1"}}
              n2["a<br/>call x"]
            end
            n3[/"catch every error<br/>retry after PT1S"/]
          end
          n4(("end"))
          n0 --> n1
          n1 -->|"yes"| n2
          g3 -.->|"error"| n3
          n3 -.->|"retry"| n1
          n2 --> n4
          n1 -->|"no"| n4
          n3 --> n4
          classDef error stroke:#d33
          class n3 error

        """)
  }

  @Test func namesCannotBreakMermaid() throws {
    let text = FlowGraph(try parsed(hostileText)).mermaid()
    // Within a line: an id, brackets, one quoted label.
    for line in text.split(separator: "\n").dropFirst(4) where line.contains("\"") {
      #expect(line.count { $0 == "\"" } == 2, "\(line)")
      #expect(!line.contains("<script") && !line.contains("`") && !line.contains("fa:") && !line.contains("$"))
    }
    #expect(text.contains("n3[\"1#46; #96;#lt;script#gt;"))
    #expect(text.contains("n1[\"end<br/>set a\"]"))
    #expect(text.contains("fa#58;#8203;fa#45;car #36;#8203;#36;x#36;#8203;#36;"))
  }

  @Test func dot() throws {
    let graph = try graph("- l: { for: { in: .n }, do: [ { a: { call: x } } ] }")
    let lines = graph.dot().split(separator: "\n")
    #expect(
      lines.dropFirst(4) == [
        #"  n0 [label="start\nwhen asked for", shape=oval]"#, "  subgraph cluster_1 {", #"    label="l""#,
        "    style=rounded", "    color=gray50",
        #"    n1 [label="l\nfor item in .n", shape=hexagon, style=solid]"#, #"    n2 [label="a\ncall x"]"#, "  }",
        #"  n3 [label="end", shape=doublecircle, margin=0]"#, "  n0 -> n1", #"  n1 -> n2 [label="each item"]"#,
        "  n2 -> n1 [constraint=false]", #"  n1 -> n3 [label="done"]"#, "}",
      ])
  }

  @Test func namesCannotBreakDot() throws {
    let text = FlowGraph(try parsed(hostileText)).dot()
    #expect(text.contains(#"label="a\"]; n0 --> x[\"\ncall one""#))
    #expect(text.contains(#"back\\slash \\N \\l &amp;lt; &amp;amp; #quot;"#))
    #expect(text.contains(#"label="line\\nfeed · do""#))
  }

  @Test func namesCannotBreakSVG() throws {
    let text = FlowGraph(try parsed(hostileText)).svg()
    #expect(!text.contains("<script"))
    #expect(text.contains("&lt;/text&gt;&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot; &#39; \\u{202E}"))
    #expect(text.contains(".a == &quot;]]&gt;&quot;"))
    // Every element that is opened is closed: outside of texts and styles there is nothing but elements.
    #expect(text.count { $0 == "<" } == text.count { $0 == ">" })
    for name in ["svg", "text", "g", "title", "defs", "marker", "style"] {
      let opened = text.components(of: "<\(name) ") + text.components(of: "<\(name)>")
      #expect(opened == text.components(of: "</\(name)>"), "\(name)")
    }
  }

  @Test func theSameDefinitionGivesTheSameBytes() throws {
    let definition = try parsed(orderText)
    let graph = FlowGraph(definition)
    #expect(graph == FlowGraph(definition))
    #expect(graph.svg() == FlowGraph(definition).svg())
  }
}

extension String {
  /// How often a part is in here.
  fileprivate func components(of part: String) -> Int {
    var count = 0
    var rest = self[...]
    while let range = rest.firstRange(of: part) {
      count += 1
      rest = rest[range.upperBound...]
    }
    return count
  }
}
