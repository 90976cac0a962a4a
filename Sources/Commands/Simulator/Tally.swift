import Glibc
import Kafka
import Simulator
import Synchronization
import Values

/// Counts what became of the records, and keeps those under way from becoming too many.
final class Tally: Sendable {
  private struct State {
    var readings = 0
    var duplicates = 0
    var garbage: [Garbage: Int] = [:]
    var undelivered = 0
    var resent = 0
    var inFlight = 0
    var failure: String?
    private var waiter: CheckedContinuation<Void, Never>?

    mutating func wait(_ continuation: CheckedContinuation<Void, Never>) { waiter = continuation }

    mutating func takeWaiter() -> CheckedContinuation<Void, Never>? {
      defer { waiter = nil }
      return waiter
    }
  }

  /// A few megabytes.
  private static let mostInFlight = 10_000

  private let state = Mutex(State())

  /// Waits until there is room; then these are under way. At once when the task is cancelled.
  func begin(_ count: Int) async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        state.withLock { state in
          if state.inFlight < Self.mostInFlight || Task.isCancelled {
            continuation.resume()
          } else {
            state.wait(continuation)
          }
        }
      }
    } onCancel: {
      state.withLock { $0.takeWaiter() }?.resume()
    }
    state.withLock { $0.inFlight += count }
  }

  func resent(_ count: Int) { state.withLock { $0.resent += count } }

  func delivered(_ kinds: some Sequence<Simulation.Emission.Kind>) {
    end { state in
      for kind in kinds {
        state.inFlight -= 1
        switch kind {
        case .reading: state.readings += 1
        case .duplicate: state.duplicates += 1
        case .garbage(let kind): state.garbage[kind, default: 0] += 1
        }
      }
    }
  }

  func failed(_ error: KafkaError) {
    end { state in
      state.inFlight -= 1
      state.undelivered += 1
      if state.failure == nil { state.failure = error.message }
    }
  }

  private func end(_ change: (inout State) -> Void) {
    let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
      change(&state)
      return state.inFlight < Self.mostInFlight ? state.takeWaiter() : nil
    }
    waiter?.resume()
  }

  var hasFailed: Bool { state.withLock { $0.failure != nil } }

  var progress: (delivered: Int, inFlight: Int) {
    state.withLock { ($0.readings + $0.duplicates + $0.garbage.values.reduce(0, +), $0.inFlight) }
  }

  func report(_ options: SimulationOptions, took seconds: Double) -> Report {
    state.withLock { state in
      Report(
        topic: options.topic, seed: options.seed, readings: state.readings, duplicates: state.duplicates,
        garbage: state.garbage, undelivered: state.undelivered, resent: state.resent, seconds: seconds,
        failure: state.failure.map { "\(state.undelivered) records were not delivered: \($0)" })
    }
  }
}

/// The exact counts of a run.
struct Report {
  var topic: String
  var seed: UInt64
  /// These three were delivered.
  var readings: Int
  var duplicates: Int
  var garbage: [Garbage: Int]
  var undelivered: Int
  /// Sent again after the broker had lost track of this producer: these may be in the topic twice.
  var resent: Int
  var seconds: Double
  var failure: String?

  private var garbageCount: Int { garbage.values.reduce(0, +) }
  private var delivered: Int { readings + duplicates + garbageCount }
  private var perSecond: Int { Int(Double(delivered) / max(seconds, 0.001)) }

  var text: String {
    var text = "\(readings) readings, \(duplicates) duplicates, \(garbageCount) garbage: "
    text += "\(delivered) records delivered to \(topic), \(undelivered) not delivered"
    if resent > 0 { text += ", \(resent) sent again" }
    return text + ", in \(Double(Int(seconds * 10)) / 10) s (\(perSecond)/s), seed \(seed)"
  }

  var json: JSON {
    var kinds = JSONObject()
    for (kind, count) in garbage.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      kinds[kind.rawValue] = .number(JSONNumber(count))
    }
    return [
      "topic": .string(topic),
      // Seeds need all 64 bits, which most readers of JSON do not keep in a number.
      "seed": .string(String(seed)), "readings": .number(JSONNumber(readings)),
      "duplicates": .number(JSONNumber(duplicates)), "garbage": .number(JSONNumber(garbageCount)),
      "garbageKinds": .object(kinds), "delivered": .number(JSONNumber(delivered)),
      "undelivered": .number(JSONNumber(undelivered)), "resent": .number(JSONNumber(resent)),
      "seconds": .number(JSONNumber((seconds * 1_000).rounded() / 1_000)),
      "perSecond": .number(JSONNumber(perSecond)), "failure": failure.map { .string($0) } ?? .null,
    ]
  }
}
