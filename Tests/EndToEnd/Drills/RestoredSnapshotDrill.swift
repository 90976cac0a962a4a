import Kafka
import Postgres
import TestSupport
import Testing
import Values

/// An older state of the whole database, the mediator's and the processors' tables alike, is put back.
@Suite(.serialized) struct RestoredSnapshotDrill {
  @Test(.enabled(if: Drill.isFull, "make drill"), .timeLimit(.minutes(5)))
  func whatCameAfterItIsDoneAgainWithTheSameIDs() async throws {
    let drill = try await Drill("older Postgres snapshot restored")
    let cluster = drill.cluster
    var known: Set<String> = []
    for _ in 0..<Drill.times(3) {
      // Taken in the middle of everything: transactions are broken off, and replies are on their way.
      try await cluster.postgres.stop()
      try await cluster.postgres.takeSnapshot()
      try await cluster.postgres.start()
      try await drill.recovered()
      let before = try await ids(cluster)
      try await poll(within: .seconds(30), "more to happen") {
        try await cluster.count("select count(*) from instances where ended_at is not null") > before.count + 300
          ? true : nil
      }
      try await drill.stopAll()
      let lost = try await ids(cluster)
      known.formUnion(lost)
      try await cluster.postgres.stop()
      try await cluster.postgres.restoreSnapshot()
      await drill.countFault()
      await drill.watch.forget()
      try await cluster.postgres.start()
      #expect(try await ids(cluster).count < lost.count, "nothing was put back")
      // The broker has not gone back: the mediators and the processors read on from what the database says.
      let end = Timestamp.now()
      for service in Drill.mediators + Drill.processors { try await drill.start(service) }
      try await drill.recovered(since: end)
    }
    try await drill.endLoad()
    let drained = try await drill.drain()
    // Replies of before end instances while processors still do the same once more: their effects are theirs to redo.
    try await poll(within: .seconds(60), "the processors to have read to the end") {
      try await unread(cluster) == [:] ? true : nil
    }
    // What existed before the restore exists again, under the same ids.
    #expect(known.subtracting(try await ids(cluster)).sorted().prefix(5) == [])
    try await cluster.verify()
    try await drill.finish(drained: drained)
  }

  /// Processing events beyond the positions that the processors have in the database.
  private func unread(_ cluster: Cluster) async throws -> [TopicPartition: Int64] {
    var positions: [TopicPartition: Int64] = [:]
    for row in try await cluster.query("select topic, partition, position from processor_positions") {
      let partition = TopicPartition(topic: try row.text("topic"), partition: Int32(try row.int("partition")))
      positions[partition] = Int64(try row.int("position"))
    }
    let admin = try KafkaAdmin(cluster.kafka)
    var partitions: [TopicPartition] = []
    for topic in Drill.processors.map({ "mediator.channel.\($0)" }) {
      partitions += try await admin.describe(topic).partitions.map { TopicPartition(topic: topic, partition: $0) }
    }
    let ends = try await admin.watermarks(partitions)
    await admin.close()
    return ends.filter { $1.high > positions[$0, default: $1.low] }.mapValues(\.high)
  }

  private func ids(_ cluster: Cluster) async throws -> Set<String> {
    var ids: Set<String> = []
    for row in try await cluster.query("select id::text as id from instances") { ids.insert(try row.text("id")) }
    return ids
  }
}
