import Postgres
import Values

/// The SQL of one table, made once from its definition: nothing of an event ever becomes a part of it.
struct TableSQL: Sendable {
  let insert: String
  private let types: [ColumnType]
  private let uniqueIndices: [Int]

  init(_ table: TableDefinition) {
    types = table.columns.map(\.type)
    uniqueIndices = table.uniqueIndices
    let names = table.columns.map { Self.quoted($0.name) }
    let parameters = table.columns.enumerated().map { "$\($0 + 1)::\($1.type.arrayType)" }
    let values = table.columns.enumerated().map { "u.c\($0)" + ($1.type == .numeric ? "::numeric" : "") }
    let aliases = table.columns.indices.map { "c\($0)" }
    let unique = table.unique.map(Self.quoted)
    insert = """
      insert into \(table.name.split(separator: ".").map { Self.quoted(String($0)) }.joined(separator: ".")) \
      (\(names.joined(separator: ", "))) \
      select \(values.joined(separator: ", ")) \
      from unnest(\(parameters.joined(separator: ", "))) as u(\(aliases.joined(separator: ", "))) \
      on conflict \(unique.isEmpty ? "" : "(\(unique.joined(separator: ", "))) ")do nothing\
      \(unique.isEmpty ? "" : " returning \(unique.joined(separator: ", "))")
      """
  }

  private static func quoted(_ name: String) -> String {
    "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }

  func statement(_ rows: [[Cell]]) -> PostgresStatement {
    PostgresStatement(insert, types.enumerated().map { index, type in type.column(rows, index) })
  }

  /// What identifies a row.
  func key(_ row: [Cell]) -> [Cell] { uniqueIndices.map { row[$0] } }

  /// The keys of the rows that were inserted, as the server returned them.
  func keys(_ rows: PostgresRows) throws(PostgresError) -> [[Cell]] {
    var keys: [[Cell]] = []
    for row in rows {
      var key: [Cell] = []
      for (place, index) in uniqueIndices.enumerated() { key.append(try types[index].cell(row, .index(place))) }
      keys.append(key)
    }
    return keys
  }
}

extension ColumnType {
  /// Numbers of type `numeric` travel as text, which is exact.
  fileprivate var arrayType: String {
    switch self {
    case .text, .numeric: "text[]"
    case .boolean: "boolean[]"
    case .bigint: "bigint[]"
    case .double: "double precision[]"
    case .timestamp: "timestamptz[]"
    case .uuid: "uuid[]"
    case .json: "json[]"
    }
  }

  fileprivate func column(_ rows: [[Cell]], _ index: Int) -> PostgresValue {
    switch self {
    case .text, .numeric: .texts(rows.map { if case .text(let value) = $0[index] { value } else { nil } })
    case .boolean: .bools(rows.map { if case .boolean(let value) = $0[index] { value } else { nil } })
    case .bigint: .int8s(rows.map { if case .bigint(let value) = $0[index] { value } else { nil } })
    case .double: .doubles(rows.map { if case .double(let value) = $0[index] { value } else { nil } })
    case .timestamp: .timestamps(rows.map { if case .timestamp(let value) = $0[index] { value } else { nil } })
    case .uuid:
      .uuids(
        rows.map {
          if case .uuid(let value) = $0[index] { PostgresUUID(high: value.high, low: value.low) } else { nil }
        })
    case .json: .jsons(rows.map { if case .json(let value) = $0[index] { value } else { nil } })
    }
  }

  fileprivate func cell(_ row: PostgresRow, _ column: PostgresRow.Column) throws(PostgresError) -> Cell {
    switch self {
    case .text, .numeric: try row.optionalText(column).map { .text($0) } ?? .null
    case .boolean: try row.optionalBool(column).map { .boolean($0) } ?? .null
    case .bigint: try row.optionalInt64(column).map { .bigint($0) } ?? .null
    case .double: try row.optionalDouble(column).map { .double($0) } ?? .null
    case .timestamp: try row.optionalTimestamp(column).map { .timestamp($0) } ?? .null
    case .uuid: try row.optionalUUID(column).map { .uuid(UUIDValue(high: $0.high, low: $0.low)) } ?? .null
    case .json: try row.optionalBytes(column).map { .json($0) } ?? .null
    }
  }
}
