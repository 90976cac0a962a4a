import Engine
import Generator
import Values
import Workflow

/// What happens outside of an instance, and when: decided by what is asked, where and at what time, so that two
/// interpreters of the same definition live in the same world without knowing of each other.
struct World {
  let seed: UInt64
  /// Events that come by, whether anybody listens or not, by time.
  let events: [(time: Timestamp, event: JSON)]
  /// When somebody ends the instance.
  let intervention: (time: Timestamp, Intervention)?
  /// When nothing runs: what is due meanwhile is done at the end.
  var outages: [(from: Timestamp, to: Timestamp)] = []

  enum Intervention { case cancel, cancelCompensating, abandon }

  /// When that is done which is due at a time.
  func attended(_ time: Timestamp) -> Timestamp {
    outages.first { $0.from <= time && time < $0.to }?.to ?? time
  }

  static let start = Timestamp(microseconds: 1_700_000_000_000_000)
  static let instance = UUIDValue(high: 0x0123_4567_89AB_4DEF, low: 0x8123_4567_89AB_CDEF)

  enum Answer {
    case silence
    case reply(after: Duration, ReplyOutcome)
    case undeliverable(after: Duration)
  }

  private func dice(_ parts: String..., at time: Timestamp) -> Dice {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ seed
    for part in parts {
      for byte in part.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
      hash = (hash ^ 0xFF) &* 0x100_0000_01B3
    }
    return Dice(seed: hash ^ UInt64(bitPattern: time.microseconds))
  }

  /// What a channel answers to a processing event.
  func answer(to reference: String, channel: String, data: JSON, attempt: Int, at time: Timestamp) -> Answer {
    var dice = dice("call", reference, channel, data.canonicalText, "\(attempt)", at: time)
    let delay = Self.delay(&dice)
    switch dice.roll(100) {
    case 0..<3: return .silence
    case 3..<5: return .undeliverable(after: delay)
    case 5..<30:
      let wish: Duration? = dice.chance(30) ? .milliseconds(dice.roll(dice.pick([9_000, 50_000]))) : nil
      return .reply(after: delay, .failed(Self.problem(&dice), retryable: dice.chance(60), retryAfter: wish))
    default: return .reply(after: delay, .completed(Self.value(&dice)))
    }
  }

  /// Whether another workflow that nobody waits for begins, and after what time that is known.
  func beginning(
    at reference: String, name: String, input: JSON, at time: Timestamp
  ) -> (after: Duration, ChildOutcome) {
    var dice = dice("beginning", reference, name, input.canonicalText, at: time)
    let delay = Self.delay(&dice)
    return (delay, dice.chance(20) ? .faulted(Self.problem(&dice)) : .started)
  }

  /// How another workflow ends; nil: not at all.
  func child(at reference: String, name: String, input: JSON, at time: Timestamp) -> (after: Duration, ChildOutcome)? {
    var dice = dice("child", reference, name, input.canonicalText, at: time)
    let delay = Self.delay(&dice)
    switch dice.roll(100) {
    case 0..<3: return nil
    case 3..<20: return (delay, .faulted(Self.problem(&dice)))
    case 20..<25: return (delay, .cancelled)
    default: return (delay, .completed(Self.value(&dice)))
    }
  }

  /// Between an eighth of a millisecond and some twenty seconds, and hardly ever the same twice.
  private static func delay(_ dice: inout Dice) -> Duration {
    .microseconds(127 + dice.roll(dice.pick([900, 900_000, 9_000_000, 20_000_000])))
  }

  private static func problem(_ dice: inout Dice) -> ProblemDetails {
    ProblemDetails(
      type: dice.pick(DefinitionGenerator.errorTypes), status: dice.pick([400, 404, 409, 500, 503]),
      title: dice.chance(60) ? dice.pick(["Busy", "Gone"]) : nil, detail: dice.chance(40) ? "try later" : nil,
      instance: dice.chance(20) ? "/elsewhere" : nil, extensions: dice.chance(10) ? ["hint": 7] : [:])
  }

  static func value(_ dice: inout Dice) -> JSON {
    switch dice.roll(20) {
    case 0: return dice.pick([.null, 3, "text", true, [1, 2]])
    default:
      var object: JSONObject = ["n": .number(JSONNumber(dice.roll(8)))]
      if dice.chance(70) { object["ok"] = .bool(dice.chance(50)) }
      if dice.chance(60) { object["list"] = .array((0..<dice.roll(4)).map { _ in .number(JSONNumber(dice.roll(9))) }) }
      if dice.chance(50) { object["s"] = dice.pick(["a", "b", "c"]) }
      return .object(object)
    }
  }
}
