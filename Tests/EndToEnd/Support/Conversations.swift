/// Workflows that ask, answer, wait for each other, and begin by the clock.
enum Conversations {
  static let all = [
    ("ask", ask), ("tell", tell), ("check", check), ("pickup", pickup), ("both", both), ("serial", serial),
    ("every", every), ("after", after),
  ]

  private static func document(_ name: String, _ more: String = "") -> String {
    "document: {dsl: 1.0.3, namespace: talk, name: \(name), version: 1.0.0\(more)}\n"
  }

  private static let ask =
    document("ask") + """
      schedule: {on: {one: {with: {type: order.placed}}}}
      input: {from: "$workflow.input[0].data"}
      do:
        - request:
            emit: {event: {with: {type: price.asked, source: /talk, data: {order: "${ .order }"}}}}
            output: {as: $input}
        - answer:
            listen:
              to: {one: {with: {type: price.told}, correlate: {order: {from: .data.order, expect: "${ .order }"}}}}
            timeout: {after: PT2M}
            output: {as: ".[0]"}
        - check:
            run: {workflow: {namespace: talk, name: check, version: 1.0.0, input: {price: "${ .price }"}}}
            output: {as: "$input + ."}
        - report:
            call: echo
            with: {order: "${ .order }", price: "${ .price }", isCheap: "${ .isCheap }"}
      """

  private static let tell =
    document("tell") + """
      schedule: {on: {one: {with: {type: price.asked}}}}
      do:
        - tell:
            emit:
              event:
                with:
                  type: price.told
                  source: /talk
                  data: {order: "${ .[0].data.order }", price: "${ .[0].data.order + 10 }"}
      """

  private static let check =
    document("check") + """
      do:
        - pause: {wait: {milliseconds: 300}}
        - verdict: {set: {isCheap: "${ $workflow.input.price < 16 }"}}
      """

  private static let pickup =
    document("pickup") + """
      schedule: {on: {one: {with: {type: pickup.planned}}}}
      input: {from: "$workflow.input[0].data"}
      do:
        - arrival:
            listen:
              to:
                one: {with: {type: parcel.arrived}, correlate: {parcel: {from: .data.parcel, expect: "${ .parcel }"}}}
            timeout: {after: PT2M}
            output: {as: "$input + {shelf: .[0].shelf}"}
      """

  private static let both =
    document("both") + """
      schedule:
        on:
          all:
            - {with: {type: left}, correlate: {pair: {from: .data.pair}}}
            - {with: {type: right}, correlate: {pair: {from: .data.pair}}}
      do:
        - show: {set: {got: "${ [.[].data] }"}}
      """

  private static let serial =
    document("serial", #", metadata: {orderKey: "${ .data.machine }"}"#) + """
      schedule: {on: {one: {with: {type: machine.step}}}}
      do:
        - pause: {wait: {milliseconds: 400}}
        - say:
            call: echo
            with: {machine: "${ $workflow.input[0].data.machine }", step: "${ $workflow.input[0].data.step }"}
      """

  private static let every =
    document("every") + """
      schedule: {every: PT2S}
      do:
        - note: {set: {at: "${ $workflow.startedAt.iso8601 }"}}
      """

  private static let after =
    document("after") + """
      schedule: {after: PT1S}
      do:
        - pause: {wait: {milliseconds: 500}}
      """
}
