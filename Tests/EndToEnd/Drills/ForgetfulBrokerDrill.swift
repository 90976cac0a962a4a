import Glibc
import Kafka
import Postgres
import TestSupport
import Testing
import Values

/// While the mediators do not look, the broker forgets everything, and new records take the place of the old ones: no
/// position lies beyond an end.
@Suite(.serialized) struct ForgetfulBrokerDrill {
  @Test(.enabled(if: Drill.isFull, "make drill"), .timeLimit(.minutes(4)))
  func otherRecordsInTheSamePlacesAreNotTakenForTheNextOnes() async throws {
    let drill = try await Drill("broker forgot everything, other records in the same places", garbage: false)
    let cluster = drill.cluster
    try await drill.endLoad()
    try await drill.drain()
    for processor in Drill.processors { try await drill.stop(processor) }
    try await cluster.verify()
    let instances = try await cluster.count("select count(*) from instances")
    for mediator in Drill.mediators { try await drill.service(mediator).signal(SIGSTOP) }
    await cluster.broker.stop()
    try await cluster.broker.forget()
    try await cluster.broker.start()
    await drill.countFault()
    let partitions = try await fill(cluster)
    for mediator in Drill.mediators { try await drill.service(mediator).signal(SIGCONT) }
    try await drill.waitForHalts(of: partitions)
    // Not one of them was read.
    #expect(try await cluster.count("select count(*) from instances") == instances)
    #expect(try await cluster.count("select count(*) from dead_letters") == 0)
    try await drill.finish(drained: .zero, note: "\(partitions.count) partitions halted; the drill ends there")
  }

  /// Puts so many records into each partition that the stored position lies among them.
  private func fill(_ cluster: Cluster) async throws -> Set<String> {
    let admin = try KafkaAdmin(cluster.kafka)
    for topic in ["mediator.queue", "mediator.replies"] { try await admin.createTopic(topic, partitions: 4) }
    await admin.close()
    var records: [OutgoingRecord] = []
    var partitions: Set<String> = []
    for row in try await cluster.query("select topic, partition, position from positions") {
      let (topic, partition) = (try row.text("topic"), Int32(try row.int("partition")))
      partitions.insert("\(topic)/\(partition)")
      for number in 0..<(try row.int("position") + 20) {
        records.append(OutgoingRecord(topic: topic, partition: partition, value: Array("other \(number)".utf8)))
      }
    }
    let producer = try KafkaProducer(cluster.kafka)
    for result in await producer.send(records) { _ = try result.get() }
    await producer.close()
    return partitions
  }
}
