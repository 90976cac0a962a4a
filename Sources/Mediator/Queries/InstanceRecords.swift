import Engine
import Postgres
import Values

/// What a list tells of an instance.
public struct InstanceSummary: Sendable, Hashable {
  public let id: UUIDValue
  public let shard: Int32
  public let namespace: String
  public let name: String
  public let version: String
  public let status: InstanceStatus
  /// The key of the record that started it.
  public let key: [UInt8]?
  public let eventID: String?
  public let eventSource: String?
  public let startedAt: Timestamp
  public let updatedAt: Timestamp
  public let endedAt: Timestamp?
  /// Why it faulted.
  public let error: ProblemDetails?
}

/// Everything about one instance.
public struct InstanceDetail: Sendable {
  public let summary: InstanceSummary
  /// The raw workflow input.
  public let input: JSON
  /// `$context`; null once the instance has ended.
  public let context: JSON
  /// When the workflow's own timeout strikes, while the instance is open.
  public let deadline: Timestamp?
  /// Set when it is completed.
  public let output: JSON?
  public let history: TaskHistory
  /// False when the journal was longer than what was read of it: then the oldest tasks are missing.
  public let isComplete: Bool
  /// The rows of the journal that were read, in order.
  public let journal: [JournalRow]
  /// The open activities of the resting state; none once it has ended.
  public let activities: [Activity]
  /// Whether a step had no time for everything, and another one goes on with it.
  public let isUnfinished: Bool
  /// When its owner wakes it.
  public let wakeAt: Timestamp?
}

/// That an instance went on in another version of its workflow.
public struct InstanceMigration: Sendable, Hashable {
  /// The row of the journal.
  public let sequence: Int64
  public let at: Timestamp
  public let record: MigrationRecord
  public let reason: String
}

extension InstanceDetail {
  /// The oldest first, of the rows that were read.
  public var migrations: [InstanceMigration] {
    journal.flatMap { row in
      row.entries.compactMap { entry in
        guard case .migrated(let record, let reason) = entry else { return nil }
        return InstanceMigration(sequence: row.sequence, at: row.at, record: record, reason: reason)
      }
    }
  }

  /// The version that it ran after a row of its journal.
  public func version(after sequence: Int64) -> String {
    let migrations = migrations
    return migrations.last { $0.sequence <= sequence }?.record.to ?? migrations.first?.record.from ?? summary.version
  }
}

/// Whom the beginning of an id names.
public enum InstanceLookup: Sendable {
  case none
  case one(UUIDValue)
  /// The first of them.
  case several([InstanceSummary])
}

/// Which instances are asked for; what is nil or empty does not matter.
public struct InstanceFilter: Sendable, Hashable {
  public var namespace: String?
  public var name: String?
  public var version: String?
  public var statuses: Set<InstanceStatus> = []
  public var key: [UInt8]?
  /// Started at this moment or later.
  public var since: Timestamp?
  public var eventID: String?
  /// Together with `eventID` it identifies an event, and its instances are found without a scan.
  public var eventSource: String?
  /// A text in the error, whatever its case.
  public var error: String?
  /// The task that its error comes from: a reference, or the task's name.
  public var failedTask: String?

  public init() {}
}

/// The beginning of an instance id: hexadecimal digits, with hyphens or without.
public struct InstancePrefix: Sendable, Hashable {
  /// The ids that begin so are those from `lowest` to `highest`.
  public let lowest: UUIDValue
  public let highest: UUIDValue

  /// Fewer digits would name half of the instances.
  public static let minimumDigits = 4

  public init?(_ text: String) {
    let digits = text.filter { $0 != "-" }
    guard digits.count >= Self.minimumDigits, digits.count <= 32, text.count <= 36,
      digits.allSatisfy({ $0.isASCII && $0.isHexDigit })
    else { return nil }
    func bound(_ filler: Character) -> UUIDValue {
      let all = digits + String(repeating: filler, count: 32 - digits.count)
      return UUIDValue(high: UInt64(all.prefix(16), radix: 16) ?? 0, low: UInt64(all.suffix(16), radix: 16) ?? 0)
    }
    lowest = bound("0")
    highest = bound("f")
  }
}

// MARK: - Reading

extension InstanceSummary {
  static let columns = """
    i.id, i.shard, d.namespace, d.name, d.version, i.status, i.key, i.event_id, i.event_source, i.started_at, \
    i.updated_at, i.ended_at, i.error
    """

  init(_ row: PostgresRow) throws(MediatorError) {
    let status = try store { () throws(PostgresError) in try row.text("status") }
    guard let status = InstanceStatus(rawValue: status) else {
      throw MediatorError(.store, "an instance has the unknown status '\(status)'")
    }
    let error = try row.parsed("error").flatMap(ProblemDetails.init)
    self = try store { () throws(PostgresError) in
      InstanceSummary(
        id: UUIDValue(try row.uuid("id")), shard: Int32(try row.int("shard")), namespace: try row.text("namespace"),
        name: try row.text("name"), version: try row.text("version"), status: status,
        key: try row.optionalBytes("key"), eventID: try row.optionalText("event_id"),
        eventSource: try row.optionalText("event_source"), startedAt: try row.time("started_at"),
        updatedAt: try row.time("updated_at"), endedAt: try row.optionalTime("ended_at"), error: error)
    }
  }
}

extension PostgresRow {
  func time(_ column: Column) throws(PostgresError) -> Timestamp { Timestamp(microseconds: try timestamp(column)) }

  func optionalTime(_ column: Column) throws(PostgresError) -> Timestamp? {
    try optionalTimestamp(column).map { Timestamp(microseconds: $0) }
  }

  /// A column of type `json`; nil where it is NULL.
  func parsed(_ column: Column) throws(MediatorError) -> JSON? {
    guard let bytes = try store({ () throws(PostgresError) in try optionalBytes(column) }) else { return nil }
    do {
      return try JSON.parse(bytes)
    } catch {
      throw MediatorError(.store, "stored JSON cannot be read: \(error)")
    }
  }
}
