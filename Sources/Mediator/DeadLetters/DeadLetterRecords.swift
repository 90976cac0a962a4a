import Kafka
import Postgres
import Values
import Wire

/// Where a dead letter stands.
public enum DeadLetterStatus: String, Sendable, Hashable, CaseIterable {
  /// Nobody has done anything about it, or it came back.
  case open
  /// Sent again, and not come back.
  case redriven
  /// It came back too often: only force sends it again.
  case parked
  /// The fault of an instance that goes on: an operator has retried or rerun it, or skipped the task.
  case resolved
  /// Somebody has decided that nothing is to be done.
  case dropped
}

/// What a list tells of a dead letter.
public struct DeadLetterEntry: Sendable, Hashable {
  public let id: DeadLetterID
  public let status: DeadLetterStatus
  public let reason: String
  public let detail: String
  public let topic: String
  /// -1 where there was no record: the event was to be written.
  public let partition: Int32
  public let offset: Int64
  public let key: [UInt8]?
  public let bytes: Int
  /// How many times it was sent again.
  public let rounds: Int
  public let isEdited: Bool
  public let instance: UUIDValue?
  /// `namespace/name version` of the instance.
  public let workflow: String?
  /// Why the dead-letter topic has not got it; nil when it has, or will.
  public let unpublished: String?
  public let createdAt: Timestamp
  public let changedAt: Timestamp

  /// The last processing event of a call: what there is to be repeated is the instance's task.
  public var isProcessingEvent: Bool { Topics.channelName(ofTopic: topic) != nil }
}

/// Everything about a dead letter.
public struct DeadLetterDetail: Sendable {
  public let entry: DeadLetterEntry
  /// As it came.
  public let original: KafkaRecord
  /// What is sent instead.
  public let edited: KafkaRecord?
  /// Oldest first.
  public let history: [Event]

  public struct Event: Sendable, Hashable {
    public let at: Timestamp
    /// `redriven`, `returned`, `parked`, `edited`, `dropped`, `resolved`.
    public let action: String
    public let actor: String
    public let round: Int
    public let detail: String
  }

  /// The record that goes out when it is sent again.
  ///
  /// - Parameters:
  ///   - round: how often it has been sent again, this time included.
  ///   - partitions: how many the topic has now.
  public func redriven(round: Int, partitions: Int) -> OutgoingRecord {
    let record = edited ?? original
    let origin = original.offset < 0 ? nil : "\(original.topic)/\(original.partition)/\(original.offset)"
    let isThere = original.partition >= 0 && Int(original.partition) < partitions
    return OutgoingRecord(
      topic: original.topic, partition: isThere ? original.partition : nil, key: original.key, value: record.value,
      headers: Redrive(letter: entry.id, round: round, origin: origin).added(to: record.headers))
  }
}

/// Which dead letters are asked for; what is nil or empty does not matter.
public struct DeadLetterFilter: Sendable, Hashable {
  public var ids: [DeadLetterID] = []
  public var statuses: Set<DeadLetterStatus> = []
  public var reasons: Set<String> = []
  public var topic: String?
  /// Of the workflow of the instance.
  public var namespace: String?
  public var workflow: String?
  public var since: Timestamp?
  public var until: Timestamp?

  public init() {}
}

// MARK: - Reading

extension DeadLetterEntry {
  static let columns = """
    d.shard, d.sequence, d.status, d.reason, d.detail, d.topic, d.partition, d."offset", d.key, \
    coalesce(octet_length(d.value), 0) as bytes, d.rounds, d.is_edited, d.instance, f.namespace, f.name, f.version, \
    d.unpublished, d.created_at, d.changed_at
    """

  static let tables = """
    dead_letters d left join instances i on i.id = d.instance left join definitions f on f.number = i.definition
    """

  init(_ row: PostgresRow) throws(PostgresError) {
    let name = try row.optionalText("name")
    let workflow: String? =
      if let name { "\(try row.text("namespace"))/\(name) \(try row.text("version"))" } else { nil }
    self.init(
      id: DeadLetterID(shard: Int32(try row.int("shard")), sequence: try row.int64("sequence")),
      status: DeadLetterStatus(rawValue: try row.text("status")) ?? .open, reason: try row.text("reason"),
      detail: try row.text("detail"), topic: try row.text("topic"), partition: Int32(try row.int("partition")),
      offset: try row.int64("offset"), key: try row.optionalBytes("key"), bytes: try row.int("bytes"),
      rounds: try row.int("rounds"), isEdited: try row.bool("is_edited"),
      instance: try row.optionalUUID("instance").map { UUIDValue($0) }, workflow: workflow,
      unpublished: try row.optionalText("unpublished"), createdAt: try row.time("created_at"),
      changedAt: try row.time("changed_at"))
  }
}

extension DeadLetterDetail {
  init(_ row: PostgresRow, history: [Event]) throws(PostgresError) {
    let original = KafkaRecord(
      topic: try row.text("topic"), partition: Int32(try row.int("partition")), offset: try row.int64("offset"),
      timestamp: try row.int64("timestamp"), key: try row.optionalBytes("key"), value: try row.optionalBytes("value"),
      headers: HeaderBytes.decode(try row.bytes("headers")))
    var edited: KafkaRecord?
    if try row.bool("is_edited") {
      edited = original
      edited?.value = try row.optionalBytes("edited_value")
      edited?.headers = HeaderBytes.decode(try row.optionalBytes("edited_headers") ?? [])
    }
    self.init(entry: try DeadLetterEntry(row), original: original, edited: edited, history: history)
  }
}

extension DeadLetterFilter {
  /// - Returns: a `where` clause, or nothing.
  func restriction(_ parameters: inout [PostgresValue]) -> String {
    var conditions: [String] = []
    func add(_ condition: String, _ value: PostgresValue) {
      parameters.append(value)
      conditions.append("\(condition) ($\(parameters.count))")
    }
    if !ids.isEmpty {
      parameters += [.int4s(ids.map(\.shard)), .int8s(ids.map(\.sequence))]
      conditions.append(
        "(d.shard, d.sequence) in (select * from unnest($\(parameters.count - 1)::int4[], $\(parameters.count)::int8[]))"
      )
    }
    if !statuses.isEmpty { add("d.status = any", .texts(statuses.map(\.rawValue).sorted())) }
    if !reasons.isEmpty { add("d.reason = any", .texts(reasons.sorted())) }
    if let topic { add("d.topic =", .text(topic)) }
    if let namespace { add("f.namespace =", .text(namespace)) }
    if let workflow { add("f.name =", .text(workflow)) }
    if let since { add("d.created_at >=", .timestamp(since.microseconds)) }
    if let until { add("d.created_at <", .timestamp(until.microseconds)) }
    return conditions.isEmpty ? "" : "where " + conditions.joined(separator: " and ")
  }
}
