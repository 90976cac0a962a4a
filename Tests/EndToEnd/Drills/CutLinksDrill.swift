import Kafka
import TestSupport
import Testing
import Values

/// Links of a mediator that are cut, or stay up and carry nothing.
@Suite(.serialized) struct CutLinksDrill {
  @Test(.enabled(if: Drill.isFull, "make drill"), .timeLimit(.minutes(5)))
  func betweenMediatorAndPostgres() async throws {
    let cluster = try await Cluster()
    let proxy = try TCPProxy(to: cluster.postgres.port)
    let drill = try await Drill(
      "link to Postgres cut, half-open",
      arguments: ["first": ["--database", cluster.databaseURL(through: proxy.port)]], cluster: cluster)
    for _ in 0..<Drill.times(5) {
      proxy.cut()
      await drill.countFault()
      try await drill.recovered()
    }
    for direction in [TCPProxy.Direction.both, .toClient] {
      try await drill.waitForFairShares()
      let start = Timestamp.now()
      proxy.freeze(direction)
      await drill.countFault()
      // Nobody tells either side; the lease runs out.
      try await drill.waitForShares(["second": 4])
      try await drill.recovered(since: start)
      let process = try await drill.service("first")
      try await poll(within: .seconds(30), "the mediator to notice") {
        process.log.contains("Postgres is down") ? true : nil
      }
      proxy.thaw()
    }
    try await drill.waitForFairShares()
    try await drill.settle()
    proxy.stop()
  }

  @Test(.enabled(if: Drill.isFull, "make drill"), .timeLimit(.minutes(5)))
  func betweenMediatorAndBroker() async throws {
    let cluster = try await Cluster()
    let proxy = try cluster.broker.proxy()
    let drill = try await Drill(
      "link to the broker cut, half-open",
      arguments: ["first": ["--bootstrap-servers", "127.0.0.1:\(proxy.port)"]], cluster: cluster)
    #expect(proxy.connections > 2, "the mediator does not come this way")
    for _ in 0..<Drill.times(5) {
      proxy.cut()
      await drill.countFault()
      try await drill.recovered()
    }
    for direction in [TCPProxy.Direction.both, .toClient] {
      proxy.freeze(direction)
      await drill.countFault()
      let process = try await drill.service("first")
      let before = process.log.split(separator: "\n").count { $0.contains("Kafka is down") }
      try await poll(within: .seconds(40), "the mediator to notice") {
        process.log.split(separator: "\n").count { $0.contains("Kafka is down") } > before ? true : nil
      }
      proxy.thaw()
      try await drill.recovered()
    }
    try await drill.settle()
    proxy.stop()
  }
}
