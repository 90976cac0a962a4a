import Engine
import Generator
import Values
import Workflow

/// One definition, what it is started with, and the world it runs in: all from one seed.
struct Scenario {
  let seed: UInt64
  let definition: JSON
  let text: String
  let input: JSON
  var world: World
  let options: EngineOptions
  /// Whether it has to wait for its turn.
  let isPendingFirst: Bool

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
      intervention: dice.chance(5)
        ? (
          World.start + .microseconds(1 + dice.roll(20_000_000)),
          dice.pick([.cancel, .cancelCompensating, .cancelCompensating, .abandon])
        ) : nil,
      outages: dice.chance(10) ? Self.outages(&dice, count: 1) : [])
    options = EngineOptions(
      callTimeout: .microseconds(31_000_003),
      retry: AttemptPolicy(maxAttempts: 3, initialDelay: .microseconds(700_001), maxDelay: .microseconds(1_100_003)),
      maxTransitionsPerStep: dice.pick([1, 2, 3, 7, 5_000, 5_000]), maxStepsWithoutWaiting: 1_000_000,
      secrets: dice.chance(85) ? ["token": "(here stands a secret)"] : [:])
    isPendingFirst = dice.chance(15)
  }

  /// The same in a world in which nothing is ever on time.
  var late: Scenario {
    var late = self
    var dice = Dice(seed: seed ^ 0x1A7E)
    late.world.outages = Self.outages(&dice, count: 12)
    return late
  }

  private static func outages(_ dice: inout Dice, count: Int) -> [(from: Timestamp, to: Timestamp)] {
    var end = World.start
    return (0..<count).map { _ in
      let start = end + .microseconds(1 + dice.roll(2_000_000))
      end = start + .microseconds(1 + dice.roll(6_000_000))
      return (start, end)
    }
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
