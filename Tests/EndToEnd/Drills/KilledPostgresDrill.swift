import TestSupport
import Testing
import Values

/// kill -9 of Postgres. What it has committed it has after its recovery.
@Suite(.serialized) struct KilledPostgresDrill {
  @Test(.enabled(if: Drill.isFull, "make drill"), .timeLimit(.minutes(4)))
  func whenItIsBackEverythingGoesOn() async throws {
    let drill = try await Drill("Postgres killed, started again")
    for _ in 0..<Drill.times(5) {
      await drill.cluster.postgres.kill()
      await drill.countFault()
      try await drill.cluster.postgres.start()
      try await drill.recovered()
    }
    try await drill.settle()
  }
}
