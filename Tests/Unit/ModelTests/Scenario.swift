import Engine
import Values
import Workflow

/// One definition, what it is started with, and the world it runs in: all from one seed.
struct Scenario {
  let seed: UInt64
  let definition: JSON
  let text: String
  let input: JSON
  let world: World
  let options: EngineOptions

  init(seed: UInt64) {
    self.seed = seed
    var dice = Dice(seed: seed)
    var generator = DefinitionGenerator(dice: Dice(seed: dice.next()))
    definition = generator.workflow()
    var writer = YAMLWriter(dice: Dice(seed: dice.next()))
    text = dice.chance(10) ? definition.pretty() : writer.text(definition)
    input = [
      "n": .number(JSONNumber(dice.roll(6))), "ok": .bool(dice.chance(50)), "s": dice.pick(["a", "b"]),
      "list": .array((0..<dice.roll(4)).map { _ in .number(JSONNumber(dice.roll(5))) }),
    ]
    world = World(
      seed: dice.next(), events: text.contains("listen") ? Self.events(&dice) : [],
      cancellation: dice.chance(4)
        ? (World.start + .microseconds(1 + dice.roll(20_000_000)), dice.chance(60)) : nil)
    options = EngineOptions(
      callTimeout: .microseconds(31_000_003),
      retry: AttemptPolicy(maxAttempts: 3, initialDelay: .microseconds(700_001), maxDelay: .microseconds(1_100_003)),
      maxTransitionsPerStep: dice.pick([1, 2, 3, 7, 10_000, 10_000]), maxStepsWithoutWaiting: 1_000_000)
  }

  private static func events(_ dice: inout Dice) -> [(time: Timestamp, event: JSON)] {
    var time = World.start
    return (0..<(4 + dice.roll(12))).map { place in
      time = time + .microseconds(dice.roll(6_000_000))
      var event: JSONObject = [
        "specversion": "1.0", "id": .string("e\(place)"), "source": "https://example.com/world",
        "type": dice.pick(["red", "green", "blue"]),
      ]
      if dice.chance(60) { event["subject"] = dice.pick(["a", "b"]) }
      if dice.chance(90) { event["data"] = World.value(&dice) }
      return (time, .object(event))
    }
  }
}
