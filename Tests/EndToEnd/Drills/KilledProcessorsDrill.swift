import TestSupport
import Testing
import Values

/// kill -9 of processors; each comes back under its own name.
@Suite(.serialized) struct KilledProcessorsDrill {
  @Test(.enabled(if: Drill.isFull, "make drill"), .timeLimit(.minutes(4)))
  func startedAgainItGoesOn() async throws {
    let drill = try await Drill("processor killed, started again")
    for strike in 0..<Drill.times(6) {
      let victim = Drill.processors[strike % 3]
      try await drill.kill(victim)
      await drill.countFault()
      let end = Timestamp.now()
      try await drill.start(victim)
      try await drill.recovered(since: end)
    }
    try await drill.settle()
  }
}
