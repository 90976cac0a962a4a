import Kafka
import Values

/// Reads the headers of records that may belong together. Joins no group and commits nothing.
public struct TraceReader: Sendable {
  private let admin: KafkaAdmin
  private let configuration: KafkaConfiguration

  public init(admin: KafkaAdmin, configuration: KafkaConfiguration) {
    self.admin = admin
    self.configuration = configuration
  }

  public struct Found: Sendable {
    public var records: [Trace.Record] = []
    /// How many records were looked at.
    public var count = 0
    /// False when there were more than the limit.
    public var isComplete = true
  }

  /// Every record since then that `isWanted`, of all topics but Kafka's own.
  ///
  /// - Parameter limit: records that are looked at, at most.
  public func records(
    since: Timestamp, limit: Int, topics only: [String] = [], _ isWanted: (Trace.Record) -> Bool
  ) async throws(KafkaError) -> Found {
    let topics = try await admin.topics().values.filter {
      only.isEmpty ? !$0.name.hasPrefix("__") : only.contains($0.name)
    }
    let partitions = topics.flatMap { topic in
      topic.partitions.map { TopicPartition(topic: topic.name, partition: $0) }
    }
    var found = Found()
    guard !partitions.isEmpty else { return found }
    let highs = try await admin.watermarks(partitions).mapValues(\.high)
    let time = since.microseconds / 1_000
    let starts = try await admin.offsets(at: Dictionary(uniqueKeysWithValues: partitions.map { ($0, time) }))
    var open = starts.filter { $0.value >= 0 && $0.value < highs[$0.key] ?? 0 }
    guard !open.isEmpty else { return found }
    let consumer = try await KafkaConsumer.assigned(configuration, positions: open)
    do throws(KafkaError) {
      reading: while !open.isEmpty {
        let batch = try await consumer.nextBatch(max: 500, wait: .seconds(2))
        if batch.isEmpty { break }
        for record in batch {
          if record.offset + 1 >= highs[record.topicPartition] ?? 0 { open[record.topicPartition] = nil }
          guard record.offset < highs[record.topicPartition] ?? 0 else { continue }
          guard found.count < limit else {
            found.isComplete = false
            break reading
          }
          found.count += 1
          let seen = Trace.Record(record)
          if isWanted(seen) { found.records.append(seen) }
        }
      }
    } catch {
      await consumer.close(within: .seconds(1))
      throw error
    }
    await consumer.close(within: .seconds(1))
    return found
  }

  /// The groups that have read past each record: who acted on it where no mediator did.
  public func readers(of records: [Trace.Record]) async throws(KafkaError) -> [String: [String]] {
    let partitions = Set(records.map { TopicPartition(topic: $0.topic, partition: $0.partition) })
    guard !partitions.isEmpty else { return [:] }
    var readers: [String: [String]] = [:]
    for group in try await admin.groups().prefix(ChannelReader.groupLimit) {
      let committed = try await admin.committed(by: group, in: Array(partitions))
      for record in records {
        let place = TopicPartition(topic: record.topic, partition: record.partition)
        if let position = committed[place], position > record.offset {
          readers[record.place, default: []].append(group)
        }
      }
    }
    return readers
  }
}
