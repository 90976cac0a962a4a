import TestSupport
import Testing
import Values

/// The broker stands still, or is restarted in order.
@Suite(.serialized) struct StoppedBrokerDrill {
  @Test(.enabled(if: Drill.isFull, "make drill"), .timeLimit(.minutes(5)))
  func standingStillItHoldsUpEverythingAndLosesNothing() async throws {
    let drill = try await Drill("broker stopped (SIGSTOP), continued")
    // The last one is longer than the clients wait for an answer, and than a lease.
    for seconds in [2, 2, 2, 2, 15] {
      await drill.cluster.broker.suspend()
      await drill.countFault()
      // How long the fault lasts.
      try await Task.sleep(for: .seconds(seconds))
      await drill.cluster.broker.resume()
      try await drill.recovered()
    }
    try await drill.settle()
  }

  @Test(.enabled(if: Drill.isFull, "make drill"), .timeLimit(.minutes(5)))
  func restartedInOrderItIsFoundAgain() async throws {
    let drill = try await Drill("broker restarted, at rest")
    for _ in 0..<Drill.times(5) {
      // This broker loses its last writes even when it is told to end: under load that is another drill, KilledBroker.
      try await drill.endLoad()
      try await drill.drain()
      // It writes its log every so often, and does not say when it has.
      try await Task.sleep(for: .seconds(2))
      try await drill.cluster.broker.restart()
      await drill.countFault()
      let end = Timestamp.now()
      try await drill.startLoad()
      try await drill.recovered(since: end)
    }
    try await drill.settle()
  }
}
