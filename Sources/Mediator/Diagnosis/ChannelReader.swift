import Kafka
import Values
import Wire

/// Asks Kafka who consumes channels, and looks for processing events in their topics. Reads headers only; joins no group
/// and commits nothing.
public struct ChannelReader: Sendable {
  private let admin: KafkaAdmin
  private let configuration: KafkaConfiguration

  /// Groups of other makes that are asked for their positions, at most.
  static let groupLimit = 200
  /// Records that are read at most to find one.
  static let searchLimit = 5_000

  public init(admin: KafkaAdmin, configuration: KafkaConfiguration) {
    self.admin = admin
    self.configuration = configuration
  }

  // MARK: Consumers

  /// The channels that have a topic.
  public func channels() async throws(KafkaError) -> Set<String> {
    Set(try await admin.topics().keys.compactMap(Topics.channelName))
  }

  /// What is known of each channel; one whose topic does not exist has no partitions.
  public func facts(of channels: Set<String>) async throws(KafkaError) -> [String: ChannelFacts] {
    guard !channels.isEmpty else { return [:] }
    let topics = try await admin.topics()
    let partitions = channels.flatMap { channel in
      (topics[Topics.channel(channel)]?.partitions ?? []).map {
        TopicPartition(topic: Topics.channel(channel), partition: $0)
      }
    }
    let watermarks = try await admin.watermarks(partitions)
    var consumers = try await self.consumers(
      channels.map(ChannelFacts.usualGroup), of: channels, partitions)
    let unserved = channels.filter { channel in consumers[channel, default: []].allSatisfy { $0.members == 0 } }
    if !unserved.isEmpty {
      let known = Set(channels.map(ChannelFacts.usualGroup))
      let others = try await admin.groups().filter { !known.contains($0) }.prefix(Self.groupLimit)
      let wanted = partitions.filter { unserved.contains(Topics.channelName(ofTopic: $0.topic) ?? "") }
      let found = try await self.consumers(Array(others), of: unserved, wanted)
      consumers.merge(found) { $0 + $1 }
    }
    return channels.reduce(into: [:]) { facts, channel in
      var bounds: [Int32: KafkaWatermarks] = [:]
      for (partition, marks) in watermarks where partition.topic == Topics.channel(channel) {
        bounds[partition.partition] = marks
      }
      facts[channel] = ChannelFacts(channel: channel, partitions: bounds, consumers: consumers[channel] ?? [])
    }
  }

  /// Those of the groups that have to do with the channels.
  private func consumers(
    _ groups: [String], of channels: Set<String>, _ partitions: [TopicPartition]
  ) async throws(KafkaError) -> [String: [ChannelFacts.Consumer]] {
    guard !groups.isEmpty, !partitions.isEmpty else { return [:] }
    var found: [String: [ChannelFacts.Consumer]] = [:]
    for group in try await admin.describe(groups: groups) {
      let committed = try await admin.committed(by: group.id, in: partitions)
      for channel in channels {
        let topic = Topics.channel(channel)
        let members = group.members.count { $0.partitions.contains { $0.topic == topic } }
        var positions: [Int32: Int64] = [:]
        for (partition, position) in committed where partition.topic == topic {
          positions[partition.partition] = position
        }
        guard members > 0 || !positions.isEmpty else { continue }
        found[channel, default: []].append(
          ChannelFacts.Consumer(group: group.id, members: members, committed: positions))
      }
    }
    return found
  }

  // MARK: Records

  /// Where processing events lie, by `ce_id`; one that is not found within the bound is missing.
  ///
  /// - Parameter requests: `ce_id` and the time at which the journal asked for it.
  public func places(
    of requests: [(id: String, at: Timestamp)], in channel: ChannelFacts
  ) async throws(KafkaError) -> [String: EventPlace] {
    guard let earliest = requests.map(\.at).min(), !channel.partitions.isEmpty else { return [:] }
    // The clocks of mediators and producers may differ a little.
    let from = (earliest - .seconds(2)).microseconds / 1_000
    let times = Dictionary(
      uniqueKeysWithValues: channel.partitions.keys.map {
        (TopicPartition(topic: channel.topic, partition: $0), from)
      })
    let starts = try await admin.offsets(at: times).filter { $0.value >= 0 }
    let wanted = Set(requests.map(\.id))
    var found: [String: EventPlace] = [:]
    try await read(starts, until: channel.partitions.mapValues(\.high), limit: Self.searchLimit) { record in
      if let id = record.headerText("ce_id"), wanted.contains(id), found[id] == nil {
        found[id] = EventPlace(partition: record.partition, offset: record.offset)
      }
      return found.count < wanted.count
    }
    return found
  }

  /// The first records that the channel's consumer has not read, at most `perPartition` of each partition.
  public func unread(
    _ channel: ChannelFacts, perPartition: Int = 1
  ) async throws(KafkaError) -> [KafkaRecord] {
    var starts: [TopicPartition: Int64] = [:]
    var ends: [Int32: Int64] = [:]
    for partition in channel.partitions.keys where channel.lag(partition) > 0 {
      let position = channel.position(partition)
      starts[TopicPartition(topic: channel.topic, partition: partition)] = position
      ends[partition] = min(channel.partitions[partition]?.high ?? 0, position + Int64(perPartition))
    }
    var records: [KafkaRecord] = []
    try await read(starts, until: ends, limit: starts.count * perPartition) { record in
      if record.offset < ends[record.partition] ?? 0 { records.append(record) }
      return true
    }
    return records
  }

  /// The last records of each partition, at most `perPartition`, and only unread ones.
  func newest(_ channel: ChannelFacts, perPartition: Int) async throws(KafkaError) -> [KafkaRecord] {
    var starts: [TopicPartition: Int64] = [:]
    for (partition, marks) in channel.partitions where channel.lag(partition) > Int64(perPartition) {
      starts[TopicPartition(topic: channel.topic, partition: partition)] = max(
        channel.position(partition), marks.high - Int64(perPartition))
    }
    var records: [KafkaRecord] = []
    try await read(starts, until: channel.partitions.mapValues(\.high), limit: starts.count * perPartition) { record in
      records.append(record)
      return true
    }
    return records
  }

  /// Gives each record to `body` until it says false, everything was read, or nothing comes any more.
  private func read(
    _ starts: [TopicPartition: Int64], until ends: [Int32: Int64], limit: Int,
    _ body: (KafkaRecord) -> Bool
  ) async throws(KafkaError) {
    var open = starts.filter { $0.value < ends[$0.key.partition] ?? 0 }
    guard !open.isEmpty else { return }
    var options = ConsumerOptions()
    options.requestLimit = .seconds(5)
    let consumer = try await KafkaConsumer.assigned(configuration, positions: open, options: options)
    var count = 0
    do throws(KafkaError) {
      reading: while !open.isEmpty, count < limit {
        let records = try await consumer.nextBatch(max: 500, wait: .seconds(2))
        if records.isEmpty { break }
        for record in records {
          count += 1
          if !body(record) { break reading }
          if record.offset + 1 >= ends[record.partition] ?? 0 { open[record.topicPartition] = nil }
        }
      }
    } catch {
      await consumer.close(within: .seconds(1))
      throw error
    }
    await consumer.close(within: .seconds(1))
  }
}

extension KafkaRecord {
  /// A header as text; nil where it is missing, repeated or no UTF-8.
  public func headerText(_ name: String) -> String? {
    let values = headers.filter { $0.name == name }.compactMap(\.value)
    return values.count == 1 ? String(validating: values[0], as: UTF8.self) : nil
  }
}
