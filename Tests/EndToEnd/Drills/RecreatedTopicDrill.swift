import Kafka
import TestSupport
import Testing
import Values

/// The queue topic is deleted and created again under running mediators.
@Suite(.serialized) struct RecreatedTopicDrill {
  @Test(.timeLimit(.minutes(4)))
  func itIsHaltedUntilSomebodyDecides() async throws {
    let drill = try await Drill("topic deleted, created again", garbage: false)
    let cluster = drill.cluster
    try await drill.endLoad()
    try await drill.drain()
    let earlier = try await cluster.scan("mediator.queue")
    let admin = try KafkaAdmin(cluster.kafka)
    try await admin.deleteTopic("mediator.queue")
    try await admin.createTopic("mediator.queue", partitions: 4)
    await drill.countFault()
    await admin.close()
    try await drill.startLoad()
    let partitions = Set((0..<4).map { "mediator.queue/\($0)" })
    try await drill.waitForHalts(of: partitions)
    // Not one of the new topic's records was taken for one of the old one's successors.
    #expect(try await cluster.count("select count(*) from instances") == Readings(earlier).unique.count)

    let end = Timestamp.now()
    try await drill.decideToGoOn(with: partitions)
    try await drill.recovered(since: end)
    #expect(try await drill.halted() == [])
    try await drill.settle(earlier: earlier, note: "recovery from the operator's decision")
  }
}
