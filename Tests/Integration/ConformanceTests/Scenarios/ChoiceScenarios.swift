import Values

/// Which way a workflow takes.
extension Scenario {
  static let choices = [
    Scenario(
      .switch, "the case that agrees leads to its task, and the workflow ends behind it",
      """
      do:
        - sort:
            switch:
              - small: {when: .size == "small", then: shelf}
              - medium: {when: .size == "medium", then: rack}
              - large: {when: .size == "large", then: hall}
        - shelf:
            set: {places: '${ .places + ["shelf"] }'}
            then: end
        - rack:
            set: {places: '${ .places + ["rack"] }'}
            then: end
        - hall:
            set: {places: '${ .places + ["hall"] }'}
            then: end
      """,
      input: ["size": "small"],
      [.completesWith(["places": ["shelf"]]), .first("sort"), .last("shelf")]),
    Scenario(
      .switch, "when no case agrees, the directive of the task itself counts",
      """
      do:
        - sort:
            switch:
              - small: {when: .size == "small", then: shelf}
              - medium: {when: .size == "medium", then: rack}
              - large: {when: .size == "large", then: hall}
            then: end
        - shelf: {set: {places: '${ .places + ["shelf"] }'}}
        - rack: {set: {places: '${ .places + ["rack"] }'}}
        - hall: {set: {places: '${ .places + ["hall"] }'}}
      """,
      input: ["size": "odd"],
      [.completesWith(["size": "odd"]), .first("sort"), .last("sort")]),
    Scenario(
      .switch, "a case without a condition takes what no other case took",
      """
      do:
        - sort:
            switch:
              - small: {when: .size == "small", then: shelf}
              - medium: {when: .size == "medium", then: rack}
              - large: {when: .size == "large", then: hall}
              - others: {then: table}
        - shelf: {set: {places: '${ .places + ["shelf"] }'}}
        - rack: {set: {places: '${ .places + ["rack"] }'}}
        - hall: {set: {places: '${ .places + ["hall"] }'}}
        - table: {set: {places: '${ .places + [$input.size] }'}}
      """,
      input: ["size": "odd"],
      [.completesWith(["places": ["odd"]]), .first("sort"), .last("table")]),
  ]
}
