import Values

/// A table into which events may write: only what is declared here is ever named in SQL.
public struct TableDefinition: Sendable, Hashable {
  public struct Column: Sendable, Hashable {
    public let name: String
    public let type: ColumnType
    /// Null, and leaving it out, are refused.
    public let isRequired: Bool

    public init(_ name: String, _ type: ColumnType, isRequired: Bool = false) {
      self.name = name
      self.type = type
      self.isRequired = isRequired
    }
  }

  /// `name` or `schema.name`.
  public let name: String
  public let columns: [Column]
  /// The columns of a unique constraint, by which rows that are there already are recognised. Empty: every row is new.
  public let unique: [String]
  let uniqueIndices: [Int]
  private let indices: [String: Int]

  /// - Throws: `configuration`.
  public init(name: String, columns: [Column], unique: [String]) throws(ProcessorError) {
    guard !name.isEmpty, !columns.isEmpty else {
      throw ProcessorError(.configuration, "table '\(name)' needs a name and at least one column")
    }
    var indices: [String: Int] = [:]
    for (index, column) in columns.enumerated() {
      guard indices.updateValue(index, forKey: column.name) == nil else {
        throw ProcessorError(.configuration, "table '\(name)' declares column '\(column.name)' twice")
      }
    }
    var uniqueIndices: [Int] = []
    for column in unique {
      guard let index = indices[column] else {
        throw ProcessorError(.configuration, "table '\(name)' has no column '\(column)' to be unique by")
      }
      uniqueIndices.append(index)
    }
    self.name = name
    self.columns = columns
    self.unique = unique
    self.uniqueIndices = uniqueIndices
    self.indices = indices
  }

  private init(unchecked name: String, columns: [Column], unique: [String]) {
    self.name = name
    self.columns = columns
    self.unique = unique
    indices = Dictionary(uniqueKeysWithValues: columns.enumerated().map { ($1.name, $0) })
    uniqueIndices = unique.compactMap { [indices] in indices[$0] }
  }

  func index(of column: String) -> Int? { indices[column] }

  /// Created by this module's own migration.
  public static let equipmentStatus = TableDefinition(
    unchecked: "equipment_status",
    columns: [
      Column("equipment", .text, isRequired: true), Column("device", .text, isRequired: true),
      Column("time", .timestamp, isRequired: true), Column("job_percent_finished", .double),
      Column("producing", .boolean), Column("sequence", .bigint),
    ],
    unique: ["equipment", "time", "device", "sequence"])
}

public enum ColumnType: String, Sendable, Hashable, CaseIterable {
  case text
  case boolean
  case bigint
  case double
  /// Numbers of any size and precision, exactly.
  case numeric
  /// `timestamptz`; RFC 3339 in JSON.
  case timestamp = "timestamptz"
  case uuid
  /// Any JSON.
  case json
}

/// A value as Postgres takes it.
enum Cell: Sendable, Hashable {
  case null
  case text(String)
  case boolean(Bool)
  case bigint(Int64)
  case double(Double)
  case timestamp(Int64)
  case uuid(UUIDValue)
  case json([UInt8])
}

extension ColumnType {
  /// - Returns: nil when the value is not of this type, or would be changed by storing it.
  func cell(_ value: JSON) -> Cell? {
    switch (self, value) {
    case (.json, .null), (_, .null): .null
    case (.json, _): .json(value.serialized())
    // Postgres stores no U+0000 in a text.
    case (.text, .string(let text)) where !text.utf8.contains(0): .text(text)
    case (.boolean, .bool(let value)): .boolean(value)
    case (.bigint, .number(let number)): number.int.map { .bigint(Int64($0)) }
    case (.double, .number(let number)) where number.isExactDouble: .double(number.double)
    case (.numeric, .number(let number)): .text(number.text)
    case (.timestamp, .string(let text)): Timestamp(rfc3339: text).map { .timestamp($0.microseconds) }
    case (.uuid, .string(let text)): UUIDValue(text).map { .uuid($0) }
    default: nil
    }
  }

  /// For people, with what is peculiar.
  var expectation: String {
    switch self {
    case .text: "a text without U+0000"
    case .boolean: "true or false"
    case .bigint: "a whole number of at most 64 bits"
    case .double: "a number that double precision holds exactly"
    case .numeric: "a number"
    case .timestamp: "a time like 2024-02-29T12:34:56Z"
    case .uuid: "a UUID"
    case .json: "JSON"
    }
  }
}
