import Testing
import Toolchain
import Workflow

/// The definition of a file without mistakes.
func parsed(_ text: String, sourceLocation: Testing.SourceLocation = #_sourceLocation) throws -> WorkflowDefinition {
  let result = WorkflowParser.parse(text, file: "test.yaml")
  let rendered = result.diagnostics.map(\.rendered).joined(separator: "\n")
  return try #require(result.definition, "\(rendered)", sourceLocation: sourceLocation)
}

/// A definition whose tasks are the given lines.
func workflow(_ tasks: String, version: String = "1.0.0", more: String = "") throws -> WorkflowDefinition {
  try parsed(workflowText(tasks, version: version, more: more))
}

func workflowText(_ tasks: String, version: String = "1.0.0", more: String = "") -> String {
  """
  document:
    dsl: '1.0.3'
    namespace: test
    name: example
    version: '\(version)'
  \(more)
  do:
  \(tasks.split(separator: "\n", omittingEmptySubsequences: false).map { "  " + $0 }.joined(separator: "\n"))
  """
}

func graph(_ tasks: String, more: String = "") throws -> FlowGraph { FlowGraph(try workflow(tasks, more: more)) }

extension FlowGraph {
  /// Every edge as `from → to`, with its kind and name where they say something.
  var steps: [String] {
    edges.map { edge in
      let label = edge.row.map { nodes[edge.from].rows[$0] } ?? edge.label
      let kind = edge.kind == .flow ? nil : edge.kind.rawValue
      let notes = [kind, label].compactMap(\.self).joined(separator: ", ")
      let from = edge.fromGroup.map { "all of \(groups[$0].kind)" } ?? nodes[edge.from].title
      return "\(from) → \(nodes[edge.to].title)" + (notes.isEmpty ? "" : " (\(notes))")
    }
  }
}

/// Every kind of task, with edges of every kind between them.
let orderText = #"""
  document:
    dsl: '1.0.3'
    namespace: shop
    name: order
    version: '1.0.0'
    title: Order fulfilment
  use:
    functions:
      tell:
        call: telegram
        with: { chat: operators, text: '${ .text }' }
    extensions:
      - audit:
          extend: emit
          when: .audited
          before:
            - remember: { set: { seen: true } }
          after:
            - log: { call: journal }
  schedule:
    on:
      one:
        with: { type: order.placed }
  timeout: { after: P3D }
  do:
    - reserve:
        for: { each: item, in: '${ .items }' }
        while: ${ .ok }
        do:
          - check: { if: '${ $item.quantity > 0 }', call: stock }
          - book: { call: stock }
    - both:
        fork:
          branches:
            - charge:
                try:
                  - pay: { call: payments, timeout: { after: PT30S } }
                catch:
                  errors:
                    with: { type: 'https://serverlessworkflow.io/spec/1.0.0/errors/communication', status: 503 }
                  retry:
                    delay: PT2S
                    backoff: { exponential: {} }
                    limit: { attempt: { count: 4 } }
                  do:
                    - sorry: { call: tell, with: { text: No money } }
                    - giveUp: { raise: { error: { type: 'https://shop.example/unpaid', status: 402 } } }
            - label: { if: '${ .wantsLabel }', call: printer }
            - pack:
                do:
                  - box: { call: warehouse }
                  - fragile:
                      switch:
                        - sturdy: { when: .fragile | not, then: exit }
                  - pad: { call: warehouse, then: end }
    - pickUp:
        listen:
          to:
            any:
              - with: { type: order.pickedUp }
              - with: { type: order.cancelled }
        timeout: { after: P2D }
    - decide:
        switch:
          - again: { when: .again == true, then: reserve }
          - rush: { when: .kind == "rush", then: invoice }
          - other: { then: end }
    - coolOff: { wait: PT5M, then: exit }
    - invoice:
        emit: { event: { with: { source: 'https://shop.example', type: order.invoiced } } }
    - note: { call: tell, with: { text: Done } }
    - readings:
        listen:
          to: { any: [], until: '${ length > 3 }' }
        foreach:
          item: reading
          do:
            - store: { call: persistence }
    - archive:
        run: { workflow: { namespace: shop, name: archive, version: latest }, await: false }
  """#

/// Names that every format has a meaning of its own for.
let hostileText = #"""
  document:
    dsl: '1.0.3'
    namespace: shop
    name: hostile
    version: '1.0.0'
    title: "</text><script>alert(1)</script> & \" ' \u202E"
  do:
    - "end": { set: { a: 1 } }
    - "a\"]; n0 --> x[\"": { call: one }
    - "line\nfeed": { do: [ { "1. `<script>alert('x')</script>`": { call: two } } ] }
    - "back\\slash \\N \\l &lt; &amp; #quot; %% comment": { call: three }
    - "漢字 🙂 \u202E \u0007 ] } |": { if: '${ .a == "]]>" and .b != "\"" }', call: four }
    - "fa:fa-car $$x$$ --> <b>": { switch: [ { "|\"x\"|": { when: '.a | test("[\"<>|]")', then: "end" } } ] }
  """#

extension WorkflowDefinition {
  var graph: FlowGraph { FlowGraph(self) }
}
