import Values

/// In which order tasks run, and what each finds.
extension Scenario {
  static let order = [
    Scenario(
      .do, "the tasks inside of a task run one after another, each with what the one before it left",
      """
      do:
        - assemble:
            do:
              - frame: {set: {parts: "${ .parts + [\\"frame\\"] }"}}
              - motor: {set: {parts: "${ .parts + [\\"motor\\"] }"}}
              - cover: {set: {parts: "${ .parts + [\\"cover\\"] }"}}
      """,
      [.completesWith(["parts": ["frame", "motor", "cover"]])]),
    Scenario(
      .flow, "without directives the order of the file counts",
      """
      do:
        - drill: {set: {steps: '${ .steps + ["drilled"] }'}}
        - grind: {set: {steps: '${ .steps + ["ground"] }'}}
        - paint: {set: {steps: '${ .steps + ["painted"] }'}}
      """,
      [
        .completesWith(["steps": ["drilled", "ground", "painted"]]), .first("drill"), .after("grind", "drill"),
        .after("paint", "grind"),
      ]),
    Scenario(
      .flow, "a directive leads to a task further down, one leads back, one ends it all",
      """
      do:
        - drill:
            set: {steps: '${ .steps + ["drilled"] }'}
            then: grind
        - paint:
            set: {steps: '${ .steps + ["painted"] }'}
            then: end
        - grind:
            set: {steps: '${ .steps + ["ground"] }'}
            then: paint
      """,
      [
        .completesWith(["steps": ["drilled", "ground", "painted"]]), .first("drill"), .after("grind", "drill"),
        .after("paint", "grind"),
      ]),
    Scenario(
      .branch, "of branches that compete one gives the output",
      """
      do:
        - race:
            fork:
              compete: true
              branches:
                - lathe: {set: {winners: '${ .winners + ["lathe"] }'}}
                - mill: {set: {winners: '${ .winners + ["mill"] }'}}
                - press: {set: {winners: '${ .winners + ["press"] }'}}
      """,
      [.completes, .items(1, at: "winners")]),
    Scenario(
      .for, "a loop names its item, counts from zero, and each pass goes on from the one before",
      """
      do:
        - inspect:
            for: {each: machine, in: .machines}
            do:
              - note:
                  set:
                    seen: "${ {names: (.seen.names + [$machine]), places: (.seen.places + [$index])} }"
      """,
      input: ["machines": ["lathe", "mill", "press"]],
      [.completesWith(["seen": ["names": ["lathe", "mill", "press"], "places": [0, 1, 2]]])]),
  ]
}
