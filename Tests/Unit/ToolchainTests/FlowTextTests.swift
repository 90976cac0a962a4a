import Testing
import Toolchain
import Workflow

@Suite struct FlowTextTests {
  @Test func readsLikeTheFile() throws {
    let definition = try workflow(
      """
      - first: { if: .ready, call: x, timeout: { after: PT5S } }
      - decide:
          switch:
            - again: { when: .again, then: first }
      - guarded:
          try: [ { a: { call: http, with: { method: post, endpoint: 'https://x.example/orders' } } } ]
          catch:
            retry: { delay: PT1S }
            do: [ { tell: { call: telegram, then: end } } ]
      - each: { for: { in: .items }, do: [ { b: { wait: PT1M } } ] }
      """)
    #expect(
      FlowText.render(definition, width: 80) == """
        test/example 1.0.0
        ● when asked for
        │
        ├╴if .ready
        ├─ first: call x
        │    within PT5S
        ├─ decide: switch
        │  ├╴again: .again → first
        │  ╰╴otherwise → continue
        ├─ guarded: try
        │  ╭╴try
        │  ├─ a: call http
        │  │    POST https://x.example/orders
        │  ╰╴
        │  ╭╴catch every error
        │  │  retry after PT1S
        │  ├─ tell: call telegram → end
        │  ╰╴
        ├─ each: for item in .items
        │  ╭╴each item
        │  ├─ b: wait PT1M
        │  ╰╴next ↑
        │
        ○ end

        """)
  }

  @Test(arguments: [20, 33, 80])
  func neverIsWiderThanTheTerminal(width: Int) throws {
    for text in [orderText, hostileText] {
      let lines = FlowText.render(try parsed(text), width: width).split(separator: "\n")
      #expect(lines.allSatisfy { TextWidth.of($0) <= width })
    }
  }

  @Test func showsControlCharacters() throws {
    let text = FlowText.render(try parsed(hostileText), width: 80)
    #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 && $0 != "\u{202E}" })
    #expect(text.contains(#"├─ line\nfeed: do"#))
  }
}
