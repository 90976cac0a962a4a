import Values

/// What goes into a task and what comes out of it.
extension Scenario {
  static let data = [
    Scenario(
      .set, "constants and expressions make a new object",
      """
      do:
        - plan:
            set:
              shape: hexagon
              bounds: ${ .drawing.bounds }
              paint: ${ .drawing.paint }
      """,
      input: ["drawing": ["bounds": ["x": 3, "y": 4], "paint": ["cyan": 1, "magenta": 2, "yellow": 3]]],
      [
        .completesWith(
          ["shape": "hexagon", "bounds": ["x": 3, "y": 4], "paint": ["cyan": 1, "magenta": 2, "yellow": 3]])
      ]),
    Scenario(
      .dataFlow, "a task gets only the part of its input that it asks for",
      """
      do:
        - sign:
            input: {from: .shift.badge.number}
            set: {worker: "${ . }"}
      """,
      input: ["shift": ["badge": ["number": "W-4711"]]],
      [.completesWith(["worker": "W-4711"])]),
    Scenario(
      .dataFlow, "of the answer to a call one member is handed on",
      """
      do:
        - look:
            call: http
            with: {method: get, endpoint: {uri: "PETS/v2/pet/{number}"}}
            output: {as: .id}
      """,
      input: ["number": 3],
      [.completesWith(3)]),
    Scenario(
      .dataFlow, "a bare number can be handed from one task to the next",
      """
      do:
        - one:
            call: http
            with: {method: get, endpoint: {uri: "PETS/v2/pet/{number}"}}
            output: {as: .id}
        - other:
            call: http
            with: {method: get, endpoint: {uri: PETS/v2/pet/1}}
            output: {as: "{both: [$input, .id]}"}
      """,
      input: ["number": 3],
      [.completesWith(["both": [3, 1]])]),
    Scenario(
      .emit, "the output of the task is the event, with every attribute that it needs",
      """
      do:
        - tell:
            emit:
              event:
                with:
                  source: https://workshop.example/line/2
                  type: example.workshop.shift.ended.v2
                  data:
                    summary: '${ "\\(.shift.machine): \\(.shift.pieces) pieces" }'
      """,
      input: ["shift": ["machine": "press", "pieces": 12]],
      [
        .completes, .has(["id", "specversion", "time", "source", "type", "data"]),
        .value("https://workshop.example/line/2", at: "source"), .value("example.workshop.shift.ended.v2", at: "type"),
        .value(["summary": "press: 12 pieces"], at: "data"),
      ]),
  ]
}
