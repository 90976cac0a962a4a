import Kafka

/// Compares positions with what the broker has, and makes new ones of offsets. Nothing is read on by them here.
public struct PositionFinder: Sendable {
  /// A position that means nothing, or something else, in what the broker has now.
  public struct Finding: Sendable, Hashable {
    public let partition: TopicPartition
    public let position: Int64
    public let reason: String
    /// The log is not the one that the position was taken from; otherwise records were deleted before they were read.
    public let isForeign: Bool
  }

  private let admin: KafkaAdmin
  private let configuration: KafkaConfiguration

  public init(admin: KafkaAdmin, configuration: KafkaConfiguration) {
    self.admin = admin
    self.configuration = configuration
  }

  /// In the order of the partitions. A record that the broker does not give in time is no finding: whoever reads on by
  /// the position compares it too.
  ///
  /// - Throws: `source`.
  public func findings(_ positions: [TopicPartition: Position]) async throws(MediatorError) -> [Finding] {
    let bounds = try await kafka { () throws(KafkaError) in try await admin.watermarks(positions.keys.sorted()) }
    var findings: [Finding] = []
    var compared: [TopicPartition: Int64] = [:]
    for (partition, position) in positions {
      guard let bounds = bounds[partition] else { continue }
      let start = PositionGuard.start(partition, stored: position, low: bounds.low, high: bounds.high)
      switch start {
      case .at(let offset, let verifying): compared[partition] = verifying ? offset : nil
      case .foreign(let reason), .deleted(let reason):
        let isForeign = if case .foreign = start { true } else { false }
        findings.append(
          Finding(partition: partition, position: position.next, reason: reason, isForeign: isForeign))
      }
    }
    for (partition, record) in try await firstRecords(compared) {
      guard let position = positions[partition], let reason = PositionGuard.mismatch(record, position) else { continue }
      findings.append(Finding(partition: partition, position: position.next, reason: reason, isForeign: true))
    }
    return findings.sorted { $0.partition < $1.partition }
  }

  /// What the broker has of the partition.
  public func bounds(of partition: TopicPartition) async throws(MediatorError) -> KafkaWatermarks {
    let found = try await kafka { () throws(KafkaError) in try await admin.watermarks([partition]) }
    guard let bounds = found[partition] else {
      throw MediatorError(.source, "the broker told no offsets of \(partition)")
    }
    return bounds
  }

  /// - Parameter offset: within the bounds.
  /// - Throws: `source`, also when the record before the offset cannot be read: then nobody could compare with it.
  public func position(
    at offset: Int64, of partition: TopicPartition, within bounds: KafkaWatermarks
  ) async throws(MediatorError) -> Position {
    // There is no record before it, and none is compared.
    guard offset > bounds.low else { return Position(next: offset, timestamp: 0, checksum: 0) }
    let found = try await firstRecords([partition: offset - 1])
    guard let record = found[partition] else {
      throw MediatorError(.source, "the record before offset \(offset) of \(partition) cannot be read")
    }
    // A gap (transaction markers, compaction): the mediators have nothing to compare with there either.
    guard record.offset == offset - 1 else { return Position(next: offset, timestamp: 0, checksum: 0) }
    return Position(after: record)
  }

  /// The first record of each partition from an offset on, where there is one.
  private func firstRecords(
    _ starts: [TopicPartition: Int64]
  ) async throws(MediatorError) -> [TopicPartition: KafkaRecord] {
    guard !starts.isEmpty else { return [:] }
    return try await kafka { () throws(KafkaError) in
      var options = ConsumerOptions()
      options.requestLimit = .seconds(5)
      options.prefetchRecords = 1
      let consumer = try await KafkaConsumer.assigned(configuration, positions: starts, options: options)
      let result = await Self.firstRecords(starts.count, consumer)
      await consumer.close(within: .seconds(1))
      return try result.get()
    }
  }

  private static func firstRecords(
    _ count: Int, _ consumer: KafkaConsumer
  ) async -> Result<[TopicPartition: KafkaRecord], KafkaError> {
    var found: [TopicPartition: KafkaRecord] = [:]
    let deadline = ContinuousClock.now + .seconds(5)
    do throws(KafkaError) {
      while found.count < count, .now < deadline {
        let records = try await consumer.nextBatch(max: 1000, wait: ContinuousClock.now.duration(to: deadline))
        let new = records.filter { found[$0.topicPartition] == nil }
        for record in new where found[record.topicPartition] == nil { found[record.topicPartition] = record }
        await consumer.remove(Array(Set(new.map { $0.topicPartition })))
      }
      return .success(found)
    } catch {
      return .failure(error)
    }
  }
}
