/// The workflows of the first scenario.
enum EventWorkflows {
  static let threeCalls = """
    document: {dsl: 1.0.3, namespace: simulation, name: three-calls, version: 1.0.0}
    schedule: {on: {one: {with: {type: sim.event}}}}
    input: {from: "${ .[0].data }"}
    do:
      - store: {call: persistence, with: {fate: "${ .fate }"}}
      - check:
          call: alerts
          with: {stored: "${ .n }", fate: "${ $workflow.input[0].data.fate }"}
          export: {as: {checked: true}}
      - choose:
          switch:
            - odd: {when: "${ .channel == \\"nobody\\" }", then: end}
            - otherwise: {then: continue}
      - tell: {call: telegram, with: {checked: "${ $context.checked }"}}
    """

  /// Wants the same events.
  static let audit = """
    document: {dsl: 1.0.3, namespace: simulation, name: audit, version: 1.0.0}
    schedule: {on: {one: {with: {type: sim.event}}}}
    do:
      - note: {call: telegram, with: {seen: true}}
    """

  /// Deployed while the others run.
  static let late = """
    document: {dsl: 1.0.3, namespace: simulation, name: late, version: 1.0.0}
    schedule: {on: {one: {with: {type: sim.late}}}}
    do:
      - store: {call: persistence, with: {late: true}}
    """
}
