import Kafka
import Values
import Wire

/// The topics of a cluster and which of their partitions belong to which shard.
struct TopicLayout: Sendable {
  /// Partitions of each queue topic.
  let queues: [String: Int32]
  let repliesTopic: String
  let shards: Int32

  /// Partition *s* of the replies topic and every queue partition *p* with *p mod S = s* (DESIGN, "Shards").
  func partitions(of shard: Int32) -> [TopicPartition] {
    var partitions = [TopicPartition(topic: repliesTopic, partition: shard)]
    for (topic, count) in queues.sorted(by: { $0.key < $1.key }) {
      for partition in 0..<count where partition % shards == shard {
        partitions.append(TopicPartition(topic: topic, partition: partition))
      }
    }
    return partitions
  }

  /// Creates what is missing, and reads how many partitions there are.
  ///
  /// - Throws: `configuration` when the replies topic does not have one partition per shard.
  static func prepare(
    _ options: MediatorOptions, shards: Int32, admin: KafkaAdmin
  ) async throws(MediatorError) -> TopicLayout {
    let queues = options.shard.queues.keys.sorted()
    let replies = options.shard.repliesTopic
    var wanted = queues.map { ($0, options.topicPartitions) }
    wanted += [(replies, shards)]
    let emitted = options.shard.routes.topics.subtracting(queues).sorted()
    wanted += emitted.map { ($0, options.topicPartitions) }
    if options.shard.lifecycle != .off { wanted.append((Topics.lifecycle, options.topicPartitions)) }
    for (topic, partitions) in wanted {
      try await kafka { () throws(KafkaError) in try await admin.ensureTopic(topic, partitions: partitions) }
    }
    // Dead letters are kept in Postgres; a topic that cannot be had is told of when something should go there.
    _ = try? await admin.ensureTopic(Topics.deadLetters, partitions: 1)
    var counts: [String: Int32] = [:]
    for topic in queues + [replies] {
      let found = try await kafka { () throws(KafkaError) in try await admin.describe(topic) }
      counts[topic] = Int32(found.partitions.count)
    }
    guard counts.removeValue(forKey: replies) == shards else {
      throw MediatorError(
        .configuration,
        "topic '\(replies)' does not have \(shards) partitions, but this cluster has \(shards) shards: each shard "
          + "needs the partition of its number")
    }
    return TopicLayout(queues: counts, repliesTopic: replies, shards: shards)
  }
}
