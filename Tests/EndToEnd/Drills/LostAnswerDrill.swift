import TestSupport
import Testing
import Values

/// Postgres has committed, and the mediator does not hear of it: the link ends after COMMIT was sent.
@Suite(.serialized) struct LostAnswerDrill {
  @Test(.timeLimit(.minutes(4)))
  func aCommitOfUnknownOutcomeIsNeitherLostNorRepeated() async throws {
    let cluster = try await Cluster()
    let proxy = try TCPProxy(to: cluster.postgres.port)
    let url = cluster.databaseURL(through: proxy.port)
    let drill = try await Drill(
      "answer to COMMIT lost", arguments: ["first": ["--database", url], "second": ["--database", url]],
      cluster: cluster)
    for strike in 1...Drill.times(10, short: 3) {
      // CommandComplete, with the end of its text.
      proxy.swallow(Array("COMMIT\0".utf8), times: 1)
      try await poll(within: .seconds(20), "a commit") { proxy.swallowed == strike ? true : nil }
      await drill.countFault()
      try await drill.recovered()
    }
    try await drill.settle()
    proxy.stop()
  }
}
