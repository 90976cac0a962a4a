import Glibc
import TestSupport
import Testing
import Values

/// SIGTERM once, and twice.
@Suite(.serialized) struct TerminationDrill {
  @Test(.enabled(if: Drill.isFull, "make drill"), .timeLimit(.minutes(4)))
  func onceItGivesItsShardsBack() async throws {
    let drill = try await Drill("SIGTERM once")
    for strike in 0..<Drill.times(5) {
      let victim = Drill.mediators[strike % 2]
      try await drill.waitForFairShares()
      let start = ContinuousClock.now
      try await drill.stop(victim)
      #expect(ContinuousClock.now - start < .seconds(10))
      #expect(try await drill.cluster.count("select count(*) from shards where owner = '\(victim)'") == 0)
      await drill.countFault()
      try await drill.recovered()
      try await drill.start(victim)
    }
    for processor in Drill.processors {
      let start = ContinuousClock.now
      try await drill.stop(processor)
      #expect(ContinuousClock.now - start < .seconds(10))
      await drill.countFault()
      let end = Timestamp.now()
      try await drill.start(processor)
      try await drill.recovered(since: end)
    }
    try await drill.settle()
  }

  @Test(.enabled(if: Drill.isFull, "make drill"), .timeLimit(.minutes(4)))
  func twiceItEndsAtOnceWhateverHoldsItUp() async throws {
    let cluster = try await Cluster()
    let proxy = try TCPProxy(to: cluster.postgres.port)
    let drill = try await Drill(
      "SIGTERM twice, Postgres not answering",
      arguments: ["first": ["--database", cluster.databaseURL(through: proxy.port)]], cluster: cluster)
    for signals in [2, 1, 2, 2, 2] {
      try await drill.waitForFairShares()
      let process = try await drill.service("first")
      proxy.freeze()
      process.signal(SIGTERM)
      await drill.countFault()
      try await poll(within: .seconds(5), "the first signal to be taken") {
        process.log.contains("SIGTERM") ? true : nil
      }
      let start = ContinuousClock.now
      if signals == 2 { process.signal(SIGTERM) }
      let status = try await process.waitForExit(within: .seconds(20))
      let end = Timestamp.now()
      #expect(status == (signals == 2 ? 143 : 75), "\(process.log.suffix(1000))")
      #expect(ContinuousClock.now - start < (signals == 2 ? .seconds(2) : .seconds(12)))
      proxy.thaw()
      proxy.cut()
      try await drill.start("first")
      try await drill.recovered(since: end)
    }
    try await drill.settle()
    proxy.stop()
  }
}
