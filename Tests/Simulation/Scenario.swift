import Engine
import Kafka
import Mediator
import Values
import Workflow

/// What is simulated: which workflows there are, what happens to them, and what must hold at the end.
protocol Scenario {
  static var tuning: Tuning { get }

  /// How many things have begun.
  var count: Int { get }

  /// Begins something new.
  mutating func produce(to kafka: SimulatedKafka, _ random: inout SeededGenerator, at now: Timestamp)
  /// Goes on with what has begun. Called at every step.
  mutating func goOn(_ kafka: SimulatedKafka, _ random: inout SeededGenerator, at now: Timestamp)
  /// Does at once what has begun and is not done. Called when faults are over.
  mutating func finish(_ kafka: SimulatedKafka, at now: Timestamp)
  /// The late definitions can be found from now on.
  mutating func deployed()

  static func problems(of simulation: Simulation<Self>) -> [String]
}

extension Scenario {
  mutating func goOn(_ kafka: SimulatedKafka, _ random: inout SeededGenerator, at now: Timestamp) {}
  mutating func finish(_ kafka: SimulatedKafka, at now: Timestamp) {}
}

/// How a scenario's world is.
struct Tuning {
  /// How many shards the workers believe there are.
  var shards: Int32 = 1
  var callTimeout: Duration
  /// How far time goes now and then, at most, while there are faults.
  var leap = Duration.zero
  /// How far time goes at the end, once nothing moves any more.
  var waits: [Duration]
  /// How far ahead something may be due that is waited for before it is believed that nothing moves. Longer than the
  /// clock is set back in all: what was to be in a moment may then be in some minutes.
  var horizon = Duration.seconds(900)
  /// How far time goes at once on the way there.
  var stride = Duration.seconds(900)
  var eventRetention = Duration.seconds(86_400)
  /// How many processes there are, each with its own knowledge of what is deployed.
  var processes = 1
  var lifecycle = LifecycleLevel.off
  /// A version that is retired and restored, in half of the worlds.
  var retired: Int32?
  /// What operators do in half of the worlds.
  var verbs: [Verb] = []
}
