import Kafka
import Values
import Wire

/// A record that could not be handled, with everything that is needed to look at it and to send it again.
public struct DeadLetter: Sendable, Hashable {
  public let sequence: Int64
  public let record: KafkaRecord
  /// A word for machines, such as `notJSON`.
  public let reason: String
  /// A sentence for people.
  public let detail: String
  /// The instance that it has to do with, where one is known.
  public let instance: UUIDValue?

  public init(sequence: Int64, record: KafkaRecord, reason: String, detail: String, instance: UUIDValue? = nil) {
    self.sequence = sequence
    self.record = record
    self.reason = reason
    self.detail = Self.storable(detail)
    self.instance = instance
  }

  /// What the record says when it was a dead letter before: then it is the same one, and not another.
  public var redrive: Redrive? { Redrive(record.headers) }

  /// The sentence may quote the record, and Postgres takes no NUL in a text.
  static func storable(_ text: String) -> String { String(text.map { $0 == "\0" ? "\u{FFFD}" : $0 }) }
}

/// A dead letter that is only in the store, because its topic did not take it.
public struct UnpublishedLetter: Sendable, Hashable {
  /// The place of its journal row.
  public let sequence: Int64
  public let reason: String

  public init(sequence: Int64, reason: String) {
    self.sequence = sequence
    self.reason = DeadLetter.storable(reason)
  }
}

/// The faults of an instance that goes on: nothing is to be done about their dead letters any more.
public struct SettledFaults: Sendable, Hashable {
  public let instance: UUIDValue
  /// The last sequence of the shard's journal before the instance went on: what comes after it is not settled.
  public let head: Int64
  /// Whether it is the newest of them only.
  public let isNewestOnly: Bool

  public init(instance: UUIDValue, head: Int64, isNewestOnly: Bool = false) {
    self.instance = instance
    self.head = head
    self.isNewestOnly = isNewestOnly
  }
}

extension DeadLetter {
  /// The reason of a call's last processing event.
  static let uncaughtFault = "uncaughtFault"

  /// The record for the dead-letter topic: the original's own key, value and headers, and what happened to it.
  ///
  /// - Parameter shard: the one in whose journal it stands.
  func published(by shard: Int32) -> OutgoingRecord {
    let redrive = redrive
    let id = redrive?.letter ?? DeadLetterID(shard: shard, sequence: sequence)
    let origin = redrive?.origin.map { $0.split(separator: "/").map(String.init) } ?? []
    let facts = [
      ("dl_id", id.description), ("dl_reason", reason), ("dl_detail", detail), ("dl_topic", record.topic),
      ("dl_partition", origin.count == 3 ? origin[1] : String(record.partition)),
      ("dl_offset", origin.count == 3 ? origin[2] : String(record.offset)),
      ("dl_attempts", String((redrive?.round ?? 0) + 1)),
    ]
    var headers = record.headers
    for (name, value) in facts { headers.append(KafkaHeader(name: name, value: Array(value.utf8))) }
    var value = record.value
    if let bytes = value, bytes.count > Self.maxPublishedBytes {
      // Brokers refuse large records; Postgres has the whole of it.
      value = nil
      headers.append(KafkaHeader(name: "dl_value_bytes", value: Array(String(bytes.count).utf8)))
    }
    return OutgoingRecord(topic: Topics.deadLetters, partition: nil, key: record.key, value: value, headers: headers)
  }

  private static let maxPublishedBytes = 900_000
}
