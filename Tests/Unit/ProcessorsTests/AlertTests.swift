import Testing
import Values
import Wire

@testable import Processors

struct AlertRuleTests {
  private func rule(_ condition: AlertRule.Condition) throws -> AlertRule {
    try AlertRule(name: "r", field: "v", condition: condition)
  }

  /// Whether the alert is raised after each value.
  private func run(_ condition: AlertRule.Condition, _ values: [JSON]) throws -> [Bool] {
    let rule = try rule(condition)
    var isRaised = false
    return values.map { value in
      if let (raises, _) = rule.transition(value, isRaised: isRaised) { isRaised = raises }
      return isRaised
    }
  }

  @Test func aboveWithHysteresis() throws {
    let values: [JSON] = [89, 90, 91, 85, 81, 80, 90, 90.5]
    #expect(
      try run(.above(JSONNumber(90), clear: JSONNumber(80)), values)
        == [false, false, true, true, true, false, false, true])
  }

  @Test func belowWithHysteresis() throws {
    let values: [JSON] = [11, 10, 9.9, 12, 14.9, 15, 9]
    #expect(
      try run(.below(JSONNumber(10), clear: JSONNumber(15)), values)
        == [false, false, true, true, true, false, true])
  }

  @Test func withoutABoundOfItsOwnItClearsAtTheThreshold() throws {
    #expect(try run(.above(JSONNumber(5), clear: JSONNumber(5)), [6, 5, 6]) == [true, false, true])
  }

  @Test func equals() throws {
    #expect(try run(.equals(false), [true, false, false, true]) == [false, true, true, false])
    #expect(try run(.equals("stopped"), ["running", "stopped", 5]) == [false, true, false])
    let number = try #require(JSONNumber(text: "1.0"))
    #expect(try run(.equals(1), [.number(number), 2]) == [true, false])
  }

  @Test func nothingIsSaidByNull() throws {
    #expect(try run(.equals(false), [false, nil]) == [true, true])
    #expect(try run(.above(JSONNumber(1), clear: JSONNumber(1)), [2, nil]) == [true, true])
  }

  @Test func theBoundMustLieOnTheRightSide() {
    #expect(throws: ProcessorError.self) { try rule(.above(JSONNumber(5), clear: JSONNumber(6))) }
    #expect(throws: ProcessorError.self) { try rule(.below(JSONNumber(5), clear: JSONNumber(4))) }
    #expect(throws: ProcessorError.self) { try AlertRule(name: "", field: "v", condition: .equals(1)) }
    #expect(throws: ProcessorError.self) { try AlertRule(name: "r", field: "", condition: .equals(1)) }
  }

  @Test func theBuiltInRulesMakeSense() { #expect(AlertRule.builtIn.count == 2) }
}

struct AlertJudgeTests {
  private let judge: AlertJudge

  init() throws {
    judge = AlertJudge(rules: [
      try AlertRule(
        name: "hot", field: "motor.temperature", condition: .above(JSONNumber(90), clear: JSONNumber(80)),
        severity: "critical", message: "{equipment} {rule} {severity}: {value} > {threshold} at {time}, {values.shift}"),
      try AlertRule(name: "stopped", field: "producing", condition: .equals(false)),
    ])
  }

  private func reading(
    _ values: JSON, at seconds: Int? = nil, sequence: Int64 = 0, equipment: String = "m1"
  ) -> AlertReading {
    AlertReading(
      equipment: equipment, values: values,
      position: seconds.map { ReadingPosition(time: noon + .seconds($0), sequence: sequence) })
  }

  @Test func aTransitionTellsEverything() {
    var state = EquipmentState()
    let transitions = judge.judge(
      reading(["motor": ["temperature": 91.5], "producing": true, "shift": "late"], at: 0), &state)
    #expect(
      AlertJudge.output(transitions) == [
        "state": "raised",
        "transitions": [
          [
            "rule": "hot", "state": "raised", "value": 91.5, "threshold": 90, "severity": "critical",
            "message": "m1 hot critical: 91.5 > 90 at 2024-02-29T12:00:00.000Z, late",
          ]
        ],
      ])
    #expect(state.raised == ["hot"])
  }

  @Test func nothingHappenedIsNone() {
    var state = EquipmentState()
    #expect(
      AlertJudge.output(judge.judge(reading(["producing": true]), &state)) == ["state": "none", "transitions": []])
  }

  @Test func aRaisedAlertOutweighsAClearedOne() {
    var state = EquipmentState(raised: ["hot"])
    let transitions = judge.judge(reading(["motor": ["temperature": 20], "producing": false]), &state)
    #expect(transitions.map(\.state) == ["cleared", "raised"])
    #expect(AlertJudge.output(transitions)["state"] == "raised")
    #expect(transitions[0].threshold == 80)
    #expect(state.raised == ["stopped"])
  }

  @Test func anOlderReadingChangesNothing() {
    var state = EquipmentState()
    _ = judge.judge(reading(["producing": true], at: 10), &state)
    #expect(judge.judge(reading(["producing": false], at: 9), &state).isEmpty)
    #expect(state.position?.time == noon + .seconds(10))
    #expect(judge.judge(reading(["producing": false], at: 11), &state).count == 1)
  }

  @Test func theSequenceDecidesWithinOneMoment() {
    var state = EquipmentState()
    _ = judge.judge(reading(["producing": true], at: 10, sequence: 5), &state)
    #expect(judge.judge(reading(["producing": false], at: 10, sequence: 4), &state).isEmpty)
    #expect(judge.judge(reading(["producing": false], at: 10, sequence: 6), &state).count == 1)
  }

  @Test func aReadingWithoutATimeIsTakenAsItComes() {
    var state = EquipmentState()
    _ = judge.judge(reading(["producing": true], at: 10), &state)
    #expect(judge.judge(reading(["producing": false]), &state).count == 1)
    #expect(state.position?.time == noon + .seconds(10))
  }

  @Test func theSameReadingTwiceIsOneTransition() {
    var state = EquipmentState()
    #expect(judge.judge(reading(["producing": false], at: 1), &state).count == 1)
    #expect(judge.judge(reading(["producing": false], at: 1), &state).isEmpty)
  }

  @Test func aFieldThatIsMissingLeavesItsRuleAlone() {
    var state = EquipmentState(raised: ["hot", "stopped"])
    #expect(judge.judge(reading(["producing": true]), &state).map(\.rule) == ["stopped"])
    #expect(state.raised == ["hot"])
  }

  @Test func aMessageHoldsNothingThatPostgresRefuses() throws {
    let judge = AlertJudge(rules: [try AlertRule(name: "r", field: "v", condition: .equals("a\0"))])
    var state = EquipmentState()
    #expect(judge.judge(reading(["v": "a\0"]), &state).first?.message.contains("\0") == false)
  }

  @Test func dataIsRead() {
    let work = judge.read([
      "equipment": "m1", "values": ["producing": true], "time": "2024-02-29T12:00:00Z", "sequence": 4,
    ]).work
    #expect(work == reading(["producing": true], at: 0, sequence: 4))
    #expect(judge.read(["equipment": "m1", "values": [:], "time": nil, "sequence": nil]).work == reading([:]))
  }

  @Test(arguments: [
    ("null", 400), (#"{"values":{}}"#, 400), (#"{"equipment":"","values":{}}"#, 400),
    (#"{"equipment":7,"values":{}}"#, 400), (#"{"equipment":"a\u0000","values":{}}"#, 400),
    (#"{"equipment":"m1"}"#, 400), (#"{"equipment":"m1","values":[]}"#, 400),
    (#"{"equipment":"m1","values":{},"when":"now"}"#, 400), (#"{"equipment":"m1","values":{},"time":"now"}"#, 422),
    (#"{"equipment":"m1","values":{},"time":5}"#, 422), (#"{"equipment":"m1","values":{},"sequence":1.5}"#, 422),
    (#"{"equipment":"m1","values":{"motor":{"temperature":"hot"}}}"#, 422),
  ])
  func whatMakesNoSenseIsRefused(text: String, status: Int) throws {
    let data = try JSON.parse(text)
    #expect(judge.read(data).refusal?.problem.status == status)
    #expect(judge.read(data).refusal?.retryable == false)
  }
}
