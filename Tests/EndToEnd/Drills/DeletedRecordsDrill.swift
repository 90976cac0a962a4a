import Kafka
import TestSupport
import Testing
import Values

/// Records are deleted before a mediator has read them, as retention does it.
@Suite(.serialized) struct DeletedRecordsDrill {
  @Test(.enabled(if: Drill.isFull, "make drill"), .timeLimit(.minutes(4)))
  func thePartitionIsHaltedAndTheOthersGoOn() async throws {
    let drill = try await Drill("records deleted past the position", garbage: false)
    let cluster = drill.cluster
    for mediator in Drill.mediators { try await drill.stop(mediator) }
    let partition = TopicPartition(topic: "mediator.queue", partition: 0)
    let position = Int64(
      try await cluster.count("select position from positions where topic = 'mediator.queue' and partition = 0"))
    let admin = try KafkaAdmin(cluster.kafka)
    let low = try await poll(within: .seconds(30), "records that nobody has read") {
      let high = try await admin.watermarks([partition])[partition]?.high ?? 0
      return high >= position + 40 ? high - 10 : nil
    }
    let before = try await cluster.scan("mediator.queue")
    try await admin.deleteRecords(below: [partition: low])
    await admin.close()
    await drill.countFault()
    // What the broker does not have any more, and nobody has read.
    func isGone(_ record: KafkaRecord) -> Bool {
      record.partition == 0 && record.offset >= position && record.offset < low
    }
    let kept = before.filter { !isGone($0) }
    let gone = Set(Readings(before).unique.map(\.eventID)).subtracting(Readings(kept).unique.map(\.eventID))
    #expect(!gone.isEmpty)

    let start = Timestamp.now()
    for mediator in Drill.mediators { try await drill.start(mediator) }
    try await drill.waitForHalts(of: ["mediator.queue/0"])
    #expect(await drill.mediatorLogs().contains("were deleted before they were read"))
    try await drill.recovered(since: start, shards: [1, 2, 3])

    let end = Timestamp.now()
    try await drill.decideToGoOn(with: ["mediator.queue/0"])
    try await drill.recovered(since: end)
    #expect(try await drill.halted() == [])
    try await drill.endLoad()
    await drill.expect(sent: await drill.sent - gone.count)
    let drained = try await drill.drain()
    try await cluster.verify(earlier: kept)
    try await drill.finish(drained: drained, note: "\(gone.count) unread readings were deleted by the drill itself")
  }
}
