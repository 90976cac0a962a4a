/// The workflows of the second scenario: they talk to each other, start each other, and wait for each other.
enum ConversationWorkflows {
  static let names = [
    "asker", "answerer", "noted", "gather", "stream", "parent", "child", "race", "ordered", "saga", "pair", "ticker",
    "cronner", "afterer",
  ]

  static let early =
    succeeded + [
      scheduled("ticker", "{every: PT60S}"), scheduled("cronner", "{cron: '*/2 * * * *'}"),
      scheduled("afterer", "{after: PT45S}"),
    ]

  /// Deployed while the others run: one that nobody knows yet, and another version of one that runs.
  static let late = [lateOrdered, scheduled("ticker", "{every: PT90S}", version: "1.1.0"), lately]

  static let lateNames = ["late", "ticker", "lately"] + names.prefix(succeeded.count)

  /// Whatever runs may go on in another version, and has to end as it would have.
  private static let succeeded = [
    asker, answerer, noted, gather, stream, parent, child, race, ordered(version: "1.0.0"), saga, pair,
  ]

  /// Everything stands in another place, and does what it did.
  static let successors = succeeded.map { text in
    text.replacing("version: 1.0.0", with: "version: 1.1.0", maxReplacements: 1)
      .replacing("\ndo:\n", with: "\ndo:\n  - new: {switch: [{any: {then: continue}}]}\n", maxReplacements: 1)
  }

  private static func document(_ name: String, _ version: String = "1.0.0", more: String = "") -> String {
    "document: {dsl: 1.0.3, namespace: talk, name: \(name), version: \(version)\(more)}\n"
  }

  private static func started(by type: String) -> String {
    """
    schedule: {on: {one: {with: {type: \(type)}}}}
    input: {from: "${ .[0].data }"}

    """
  }

  /// A correlation by the number of the conversation.
  private static let mine = "correlate: {n: {from: \"${ .data.n }\", expect: \"${ $workflow.input[0].data.n }\"}}"

  static let asker =
    document("asker") + started(by: "asker.start") + """
      do:
        - ask:
            emit:
              event:
                with: {type: question, source: /talk, partitionkey: "${ .there }", data: {n: "${ .n }", here: "${ .here }"}}
        - note: {call: persistence, with: {n: "${ $workflow.input[0].data.n }"}}
        - hear: {listen: {to: {one: {with: {type: answer}, \(mine)}}}}
      """

  static let answerer =
    document("answerer") + started(by: "question") + """
      do:
        - think: {call: telegram, with: {n: "${ .n }"}}
        - say:
            input: {from: "${ $workflow.input[0].data }"}
            emit:
              event:
                with: {type: answer, source: /talk, partitionkey: "${ .here }", data: {n: "${ .n }", said: "yes"}}
      """

  /// Two events one after the other, and one that never comes.
  static let noted =
    document("noted") + started(by: "noted.start") + """
      do:
        - first: {listen: {to: {one: {with: {type: note.first}, \(mine)}}}}
        - second: {listen: {to: {any: [{with: {type: note.second}, \(mine)}, {with: {type: note.other}, \(mine)}]}}}
        - never:
            try: [{more: {timeout: {after: PT20S}, listen: {to: {one: {with: {type: note.never}, \(mine)}}}}}]
            catch: {errors: {with: {status: 408}}, do: [{gaveUp: {set: {heard: "${ . }"}}}]}
      """

  static let gather =
    document("gather") + started(by: "gather.start") + """
      do:
        - pause: {wait: {seconds: 3}}
        - hear: {listen: {to: {all: [{with: {type: part.a}, \(mine)}, {with: {type: part.b}, \(mine)}]}}}
      """

  static let stream =
    document("stream") + started(by: "stream.start") + """
      do:
        - hear:
            listen: {to: {any: [{with: {type: item}, \(mine)}], until: {one: {with: {type: items.end}, \(mine)}}}}
            foreach:
              item: item
              do: [{keep: {call: persistence, with: {i: "${ $item.i }"}, output: {as: {i: "${ $item.i }"}}}}]
      """

  static let parent =
    document("parent") + started(by: "parent.start") + """
      do:
        - aside:
            run: {await: false, workflow: {namespace: talk, name: child, version: 1.0.0, input: {n: "${ .n }", fate: completes}}}
        - gone:
            try: [{nobody: {run: {await: false, workflow: {namespace: talk, name: nobody, version: latest}}}}]
            catch: {errors: {with: {type: https://serverlessworkflow.io/spec/1.0.0/errors/configuration}}}
        - both:
            fork:
              branches:
                - left: {run: {workflow: {namespace: talk, name: child, version: latest, input: {n: "${ .n }", fate: instant}}}}
                - right:
                    try:
                      - risky:
                          timeout: {after: PT1M}
                          run: {workflow: {namespace: talk, name: child, version: 1.0.0, input: {n: "${ .n }", fate: "${ .fate }"}}}
                    catch: {as: error, do: [{caught: {set: {status: "${ $error.status }"}}}]}
      """

  /// Its input says how it ends.
  static let child =
    document("child") + """
      do:
        - choose: {switch: [{now: {when: .fate == "instant", then: done}}, {other: {then: ask}}]}
        - ask: {call: alerts, with: {n: "${ .n }", fate: "${ .fate }"}}
        - done: {set: {n: "${ $workflow.input.n }"}}
      """

  /// One branch wins; what the others have started is cancelled.
  static let race =
    document("race") + started(by: "race.start") + """
      do:
        - sprint:
            fork:
              compete: true
              branches:
                - first: {run: {workflow: {namespace: talk, name: child, version: 1.0.0, input: {n: "${ .n }", fate: instant}}}}
                - second: {run: {workflow: {namespace: talk, name: child, version: 1.0.0, input: {n: "${ .n }", fate: silent}}}}
        - run:
            input: {from: "${ $workflow.input[0].data }"}
            fork:
              compete: true
              branches:
                - first: {run: {workflow: {namespace: talk, name: child, version: 1.0.0, input: {n: "${ .n }", fate: "${ .fate }"}}}}
                - second: {run: {workflow: {namespace: talk, name: child, version: 1.0.0, input: {n: "${ .n }", fate: silent}}}}
                - third: {wait: PT30S}
      """

  static func ordered(_ name: String = "ordered", version: String) -> String {
    document(name, version, more: ", metadata: {orderKey: \"${ .data.key }\"}") + started(by: "\(name).start") + """
      do:
        - first: {call: persistence, with: {n: "${ .n }"}}
        - pause: {wait: {seconds: 1}}
        - pay:
            try: [{risky: {call: alerts, with: {fate: "${ $workflow.input[0].data.fate }"}}}]
            catch:
              as: error
              when: "${ $error.status == 422 or $error.status == 503 }"
              retry: {exceptWhen: "${ $error.status == 422 }", delay: PT1S, limit: {attempt: {count: 30}}}
              do: [{gaveUp: {set: {gaveUp: true}}}]
      """
  }

  /// Others wait for events of this type too, and find them by something else.
  static let lately =
    document("lately") + started(by: "lately.start") + """
      do:
        - hear:
            listen:
              to:
                one:
                  with: {type: note.other}
                  correlate: {mark: {from: "${ .data.mark }", expect: "${ $workflow.input[0].data.n }"}}
      """

  static let lateOrdered = ordered("late", version: "1.0.0")

  static let saga =
    document("saga") + started(by: "saga.start") + """
      use: {functions: {undo: {call: telegram, with: {undo: "${ .what }"}}}}
      do:
        - reserve:
            for: {each: item, in: "${ [\\"a\\", \\"b\\"] }"}
            do:
              - take:
                  call: persistence
                  with: {take: "${ $item }"}
                  metadata: {compensation: {use: undo, with: {what: "${ $item }"}}}
        - both:
            fork:
              branches:
                - book: {call: persistence, with: {book: 1}, metadata: {compensation: {use: undo, with: {what: book}}}}
                - charge: {call: telegram, with: {charge: 1}, metadata: {compensation: {use: undo, with: {what: charge}}}}
        - pay: {call: alerts, with: {fate: "${ $workflow.input[0].data.fate }"}}
      """

  static let pair =
    document("pair") + """
      schedule:
        on:
          all:
            - {with: {type: pair.left}, correlate: {n: {from: "${ .data.n }"}}}
            - {with: {type: pair.right}, correlate: {n: {from: "${ .data.n }"}}}
      do:
        - note: {call: persistence, with: {n: "${ .[0].data.n }"}, output: {as: "${ $workflow.input }"}}
      """

  static func scheduled(_ name: String, _ schedule: String, version: String = "1.0.0") -> String {
    document(name, version) + """
      schedule: \(schedule)
      do: [{beat: {call: telegram, with: {beat: 1}}}]
      """
  }
}
