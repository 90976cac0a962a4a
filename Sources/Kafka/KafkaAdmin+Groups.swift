import CRDKafka

/// A consumer group as its coordinator knows it.
public struct KafkaGroup: Sendable, Hashable {
  public let id: String
  public let members: [Member]

  public struct Member: Sendable, Hashable {
    public let clientID: String
    public let host: String
    /// What it reads; empty while the group is rebalancing.
    public let partitions: [TopicPartition]
  }
}

/// Questions about groups.
extension KafkaAdmin {
  /// The ids of all groups that the brokers know.
  public func groups() throws(KafkaError) -> [String] {
    let event = try ask { raw, queue in rd_kafka_ListConsumerGroups(raw, nil, queue) }
    defer { rd_kafka_event_destroy(event) }
    let result = rd_kafka_event_ListConsumerGroups_result(event)
    var count = 0
    let listings = rd_kafka_ListConsumerGroups_result_valid(result, &count)
    let ids = (0..<count).compactMap { index -> String? in
      guard let listing = listings?[index], let id = rd_kafka_ConsumerGroupListing_group_id(listing) else { return nil }
      return String(cString: id)
    }
    var errorCount = 0
    let errors = rd_kafka_ListConsumerGroups_result_errors(result, &errorCount)
    // One broker that does not answer hides some groups: what is left must not pass for all of them.
    if errorCount > 0, let error = errors?[0] {
      throw KafkaError(rd_kafka_error_code(error), message: String(cString: rd_kafka_error_string(error)))
    }
    return ids.sorted()
  }

  /// Groups with their members; a group that does not exist has none.
  public func describe(groups: [String]) throws(KafkaError) -> [KafkaGroup] {
    guard !groups.isEmpty else { return [] }
    let event = try ask { raw, queue in
      withCStrings(groups) { names in
        rd_kafka_DescribeConsumerGroups(raw, names, groups.count, nil, queue)
      }
    }
    defer { rd_kafka_event_destroy(event) }
    var count = 0
    let found = rd_kafka_DescribeConsumerGroups_result_groups(
      rd_kafka_event_DescribeConsumerGroups_result(event), &count)
    var described: [KafkaGroup] = []
    for index in 0..<count {
      guard let group = found?[index], let id = rd_kafka_ConsumerGroupDescription_group_id(group) else { continue }
      if let error = rd_kafka_ConsumerGroupDescription_error(group),
        rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_NO_ERROR
      {
        throw KafkaError(rd_kafka_error_code(error), message: String(cString: rd_kafka_error_string(error)))
      }
      described.append(KafkaGroup(id: String(cString: id), members: Self.members(of: group)))
    }
    return described
  }

  /// The positions that a group has committed in these partitions, where it has.
  public func committed(
    by group: String, in partitions: [TopicPartition]
  ) throws(KafkaError) -> [TopicPartition: Int64] {
    partitions.isEmpty ? [:] : try committedPositions(of: group, in: partitions)
  }

  private static func members(of group: OpaquePointer) -> [KafkaGroup.Member] {
    (0..<rd_kafka_ConsumerGroupDescription_member_count(group)).compactMap { index in
      guard let member = rd_kafka_ConsumerGroupDescription_member(group, index) else { return nil }
      var partitions: [TopicPartition] = []
      if let assignment = rd_kafka_MemberDescription_assignment(member),
        let list = rd_kafka_MemberAssignment_partitions(assignment)
      {
        partitions = TopicPartitionList.elements(of: list).map(\.topicPartition)
      }
      return KafkaGroup.Member(
        clientID: rd_kafka_MemberDescription_client_id(member).map { String(cString: $0) } ?? "",
        host: rd_kafka_MemberDescription_host(member).map { String(cString: $0) } ?? "", partitions: partitions)
    }
  }
}

/// Lends an array of C strings for the time of the call.
private func withCStrings<Result>(
  _ texts: [String], _ body: (UnsafeMutablePointer<UnsafePointer<CChar>?>?) -> Result
) -> Result {
  let copies = texts.map { Array($0.utf8CString) }
  var pointers: [UnsafePointer<CChar>?] = []
  func lend(_ index: Int) -> Result {
    guard index < copies.count else { return pointers.withUnsafeMutableBufferPointer { body($0.baseAddress) } }
    return copies[index].withUnsafeBufferPointer { buffer in
      pointers.append(buffer.baseAddress)
      return lend(index + 1)
    }
  }
  return lend(0)
}
