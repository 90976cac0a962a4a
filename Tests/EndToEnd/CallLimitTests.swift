import Kafka
import Postgres
import TestSupport
import Testing
import Values

/// Limits of calls under way, on a real broker and a real Postgres.
@Suite(.timeLimit(.minutes(5))) struct CallLimitTests {
  private static func definition(_ name: String) -> String {
    """
    document: {dsl: 1.0.3, namespace: tests, name: \(name), version: 1.0.0}
    schedule: {on: {one: {with: {type: \(name).wanted}}}}
    do: [{ask: {call: shared, with: {of: \(name)}}}]
    """
  }

  private static let flood = 400

  private func send(_ count: Int, _ name: String, to cluster: Cluster) async throws {
    try await cluster.send((0..<count).map { SentEvent("\(name).wanted", "\(name) \($0)", [:]) })
  }

  /// The channel is limited to 40 calls, ten of each of the four shards. While nobody serves it, no more go out, whatever
  /// happens to the mediator; then all do, once each, and another workflow's do not stand behind the flood.
  @Test func aFloodWaitsInPostgresAndNotOnTheChannel() async throws {
    let cluster = try await Cluster()
    for name in ["rush", "calm"] {
      try await cluster.run("mediatorctl", "deploy", try cluster.write(Self.definition(name), to: "\(name).yaml"))
    }
    let configuration = try cluster.write(
      "mediator: {channelLimits: [{channel: shared, maxInFlight: 40}]}\n", to: "mediator.yaml")
    let first = try cluster.start("mediator", "--config", configuration)
    try await cluster.waitForMediator()
    try await send(Self.flood, "rush", to: cluster)
    try await cluster.wait(for: Self.flood, "the flood to have begun", "select count(*) from instances")
    let load = "select sum(in_flight)::int8 as in_flight, sum(queued)::int8 as queued from channel_loads"
    #expect(try await cluster.query(load)[0].int("in_flight") == 40)
    #expect(try await cluster.count("select count(*) from queued_calls") == Self.flood - 40)
    try await expectExplained(cluster)

    await first.kill()
    let second = try cluster.start("mediator", "--config", configuration)
    try await send(4, "calm", to: cluster)
    try await cluster.wait(for: Self.flood + 4, "the calm ones to have begun", "select count(*) from instances")
    #expect(try await cluster.query(load)[0].int("in_flight") == 40)
    let processor = try cluster.start("processor", "echo", "--channel", "shared")
    try await cluster.waitForInstances(Self.flood + 4, within: .seconds(60))

    #expect(try await cluster.count("select count(*) from instances where status = 'completed'") == Self.flood + 4)
    #expect(try await cluster.query(load)[0].int("in_flight") == 0)
    #expect(try await cluster.query(load)[0].int("queued") == 0)
    #expect(try await cluster.count("select count(*) from queued_calls") == 0)
    // A crash may publish again what was out, but nothing that was not.
    let records = try await cluster.scan("mediator.channel.shared")
    let ids = records.compactMap { $0.header("ce_id") }
    #expect(Set(ids).count == Self.flood + 4)
    #expect(records.count <= Self.flood + 4 + 40)
    let calm = records.indices.filter { records[$0].header("ce_source") == "/workflows/tests/calm/1.0.0" }
    for partition in Set(records.map(\.partition)) {
      let own = records.indices.filter { records[$0].partition == partition }
      let last = calm.filter { records[$0].partition == partition }.compactMap { own.firstIndex(of: $0) }.max() ?? 0
      #expect(last < max(40, own.count / 2), "a calm one is number \(last) of \(own.count)")
    }
    #expect(try await second.stop() == 0)
    #expect(try await processor.stop() == 0)
    await cluster.remove()
  }

  private func expectExplained(_ cluster: Cluster) async throws {
    let row = try #require(
      try await cluster.query(
        "select instance::text as id from queued_calls limit 1"
      ).first)
    let id = try row.text("id")
    let why = try JSON.parse(try await cluster.run("mediatorctl", "why", id, "--output", "json"))
    #expect(why["causes"]?[0]?["code"] == "callQueued")
    #expect(why["causes"]?[0]?["evidence"]?["inFlight"] == 10, "\(why)")
    #expect(try await cluster.run("mediatorctl", "instances", "show", id).contains("waits for room on its channel"))
    #expect(try await cluster.run("mediatorctl", "at", id).contains("waits for room on shared"))
  }
}
