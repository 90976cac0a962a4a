import Glibc
import Kafka
import Postgres
import TestSupport
import Testing
import Values

/// A broker that forgets what it has acknowledged: kill -9 makes this one lose its last writes.
@Suite(.serialized) struct KilledBrokerDrill {
  @Test(.timeLimit(.minutes(5)))
  func whatItForgotIsNoticedAndHalted() async throws {
    // What was lost on a channel or on the replies topic is seen when the task's time is over.
    let cluster = try await Cluster(settings: ["MEDIATOR_MEDIATOR_CALL_TIMEOUT": "10s"])
    let drill = try await Drill("broker killed, its tail lost", cluster: cluster, garbage: false)
    await drill.killLoad()
    await cluster.broker.kill()
    await drill.countFault()
    let behind = try await positions(cluster)
    try await cluster.broker.start()
    let lost = try await beyondTheEnd(behind, cluster)
    #expect(!lost.isEmpty, "the broker has lost nothing that was read: the drill shows nothing")
    let halted = try await poll(within: .seconds(40), every: .milliseconds(200), "every lost tail to be noticed") {
      () async throws -> Set<String>? in
      // A mediator may still have committed what it had read before: asked anew each time, besides what was lost at once.
      let lost = lost.union(try await self.beyondTheEnd(try await self.positions(cluster), cluster))
      let halted = try await drill.halted()
      return lost.isSubset(of: halted) ? halted : nil
    }
    try await drill.waitForHalts(of: halted)

    let end = Timestamp.now()
    try await drill.decideToGoOn(with: halted)
    try await drill.startLoad()
    try await drill.recovered(since: end)
    #expect(try await drill.halted() == [])
    try await drill.endLoad()
    let accepted = Readings(try await cluster.scan("mediator.queue")).unique
    await drill.expect(sent: accepted.count)
    // There are instances of lost events as well: their number alone does not say that the last ones have begun.
    try await poll(within: .seconds(60), every: .milliseconds(200), "an instance of each event that the broker has") {
      let begun = try await self.statuses(cluster)
      return accepted.allSatisfy { begun[$0.eventID] != nil } ? true : nil
    }
    let drained = try await drill.drain()

    let statuses = try await statuses(cluster)
    // What the broker forgot on the way of an instance faults it by its deadline, and nothing else faults.
    let faulted = try await cluster.count("select count(*) from instances where status = 'faulted'")
    #expect(
      try await cluster.count(
        "select count(*) from instances where status = 'faulted' and error ->> 'type' like '%/timeout'") == faulted)
    #expect(statuses.values.allSatisfy { $0 == "completed" || $0 == "faulted" })
    try await drill.finish(
      drained: drained,
      note:
        "\(halted.count) partitions halted; \(faulted) instances faulted by their deadline: the broker had lost their "
        + "events or replies; \(statuses.count - accepted.count) instances of events that it had lost")
  }

  /// Of each event's one instance.
  private func statuses(_ cluster: Cluster) async throws -> [String: String] {
    var statuses: [String: String] = [:]
    for row in try await cluster.query("select event_id, status from instances") {
      let id = try row.text("event_id")
      #expect(statuses[id] == nil)
      statuses[id] = try row.text("status")
    }
    return statuses
  }

  /// Where each partition is read on.
  private func positions(_ cluster: Cluster) async throws -> [TopicPartition: Int64] {
    var positions: [TopicPartition: Int64] = [:]
    for row in try await cluster.query("select topic, partition, position from positions") {
      let partition = TopicPartition(topic: try row.text("topic"), partition: Int32(try row.int("partition")))
      positions[partition] = Int64(try row.int("position"))
    }
    return positions
  }

  private func beyondTheEnd(_ positions: [TopicPartition: Int64], _ cluster: Cluster) async throws -> Set<String> {
    let admin = try KafkaAdmin(cluster.kafka)
    let ends = try await admin.watermarks(Array(positions.keys))
    await admin.close()
    return Set(
      positions.filter { $0.value > ends[$0.key]?.high ?? 0 }.map { "\($0.key.topic)/\($0.key.partition)" })
  }
}
