import Synchronization

/// Decides, from the seed, what goes wrong; counts it; and keeps a digest of all that happens, so that two runs of one
/// seed can be compared.
final class Faults: Sendable {
  private struct State {
    var generator: SeededGenerator
    var isOver = false
    var counts: [FaultKind: Int] = [:]
    /// FNV-1a over everything that was noted.
    var digest: UInt64 = 0xcbf2_9ce4_8422_2325
    var log: [String] = []
  }

  private let state: Mutex<State>
  /// Whether what happens is kept as text, too: `SIMULATION_TRACE=1`.
  private static let isTracing = Environment.value("SIMULATION_TRACE") != nil

  init(seed: UInt64) { state = Mutex(State(generator: SeededGenerator(seed: seed))) }

  /// From now on nothing goes wrong any more.
  func stop() { state.withLock { $0.isOver = true } }

  var counts: [FaultKind: Int] { state.withLock { $0.counts } }
  var digest: UInt64 { state.withLock { $0.digest } }
  var log: [String] { state.withLock { $0.log } }

  /// Whether this goes wrong now.
  func strikes(_ kind: FaultKind, _ probability: Double) -> Bool {
    state.withLock { state in
      guard !state.isOver, state.generator.chance(probability) else { return false }
      Self.count(kind, &state)
      return true
    }
  }

  /// Which of these goes wrong now, if any. Probabilities add up to 1 at most.
  func strike(_ kinds: [Place.Risk]) -> FaultKind? {
    state.withLock { state in
      guard !state.isOver else { return nil }
      var rest = Double(state.generator.below(1 << 20)) / Double(1 << 20)
      for (kind, probability) in kinds {
        rest -= probability
        guard rest < 0 else { continue }
        Self.count(kind, &state)
        return kind
      }
      return nil
    }
  }

  /// This has gone wrong, whoever decided it.
  func count(_ kind: FaultKind) { state.withLock { Self.count(kind, &$0) } }

  func below(_ bound: Int) -> Int { state.withLock { $0.generator.below(bound) } }

  /// Something happened.
  func note(_ text: @autoclosure () -> String, _ numbers: Int64...) {
    state.withLock { state in
      for number in numbers { Self.mix(UInt64(bitPattern: number), &state.digest) }
      if Self.isTracing { state.log.append("\(text()) \(numbers)") }
    }
  }

  private static func count(_ kind: FaultKind, _ state: inout State) {
    state.counts[kind, default: 0] += 1
    for byte in kind.rawValue.utf8 { mix(UInt64(byte), &state.digest) }
    if isTracing { state.log.append(kind.rawValue) }
  }

  private static func mix(_ value: UInt64, _ digest: inout UInt64) { digest = (digest ^ value) &* 0x100_0000_01b3 }
}
