import TestSupport
import Testing
import Values

/// kill -9 of mediators.
@Suite(.serialized) struct KilledMediatorsDrill {
  @Test(.enabled(if: Drill.isFull, "make drill"), .timeLimit(.minutes(4)))
  func startedAgainAtOnceItGoesOn() async throws {
    let drill = try await Drill("mediator killed, started again")
    for strike in 0..<Drill.times(6) {
      let victim = Drill.mediators[strike % 2]
      try await drill.kill(victim)
      await drill.countFault()
      let end = Timestamp.now()
      try await drill.start(victim)
      try await drill.recovered(since: end)
    }
    try await drill.settle()
  }

  @Test(.enabled(if: Drill.isFull, "make drill"), .timeLimit(.minutes(4)))
  func anotherTakesItsShardsOver() async throws {
    let drill = try await Drill("mediator killed, another takes over")
    for strike in 0..<Drill.times(5) {
      let victim = Drill.mediators[strike % 2]
      try await drill.waitForFairShares()
      try await drill.kill(victim)
      await drill.countFault()
      try await drill.recovered()
      try await drill.start(victim)
    }
    try await drill.settle()
  }
}
