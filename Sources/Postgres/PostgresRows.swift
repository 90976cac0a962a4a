import CLibPQ

/// The result of one statement. Reads straight from libpq's memory, in binary format.
public struct PostgresRows: Sendable {
  /// What the statement did, as the server says it: `INSERT 0 5`, `COMMIT`, `SELECT 1`.
  public let command: String
  /// Rows inserted, updated, deleted, selected or copied; 0 for other commands.
  public let affected: Int
  /// The names of the columns, in order.
  public let columns: [String]
  private let result: ResultHandle

  /// Takes over the result and clears it in the end.
  init(taking pointer: OpaquePointer) {
    result = ResultHandle(pointer)
    command = String(cString: PQcmdStatus(pointer))
    affected = Int(String(cString: PQcmdTuples(pointer))) ?? 0
    columns = (0..<PQnfields(pointer)).map { String(cString: PQfname(pointer, $0)) }
    count = Int(PQntuples(pointer))
  }

  public let count: Int
}

extension PostgresRows: RandomAccessCollection {
  public var startIndex: Int { 0 }
  public var endIndex: Int { count }

  public subscript(position: Int) -> PostgresRow {
    precondition(position >= 0 && position < count, "row \(position) of \(count)")
    return PostgresRow(result: result, columns: columns, row: Int32(position))
  }
}

/// Safe to share because a PGresult never changes once received, and is cleared only when nobody holds it any more.
final class ResultHandle: @unchecked Sendable {
  let pointer: OpaquePointer

  init(_ pointer: OpaquePointer) { self.pointer = pointer }

  deinit { PQclear(pointer) }
}

/// One row. Every accessor takes a column by name or by number (from 0) and throws `.decoding` when there is no such
/// column, when its type is another, or when it is NULL and the accessor is not an optional one.
public struct PostgresRow: Sendable {
  let result: ResultHandle
  let columns: [String]
  let row: Int32

  public enum Column: Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    case name(String)
    case index(Int)

    public init(stringLiteral value: String) { self = .name(value) }
    public init(integerLiteral value: Int) { self = .index(value) }
  }

  public func isNull(_ column: Column) throws(PostgresError) -> Bool { try field(column).bytes == nil }

  public func bool(_ column: Column) throws(PostgresError) -> Bool { try required(column, decodeBool) }
  public func optionalBool(_ column: Column) throws(PostgresError) -> Bool? { try optional(column, decodeBool) }

  /// `int2`, `int4`, `int8`, `oid`.
  public func int(_ column: Column) throws(PostgresError) -> Int { Int(try int64(column)) }
  public func optionalInt(_ column: Column) throws(PostgresError) -> Int? { try optionalInt64(column).map { Int($0) } }
  public func int64(_ column: Column) throws(PostgresError) -> Int64 { try required(column, decodeInteger) }
  public func optionalInt64(_ column: Column) throws(PostgresError) -> Int64? { try optional(column, decodeInteger) }

  /// `float8`, `float4`. Cast `numeric` in SQL.
  public func double(_ column: Column) throws(PostgresError) -> Double { try required(column, decodeDouble) }
  public func optionalDouble(_ column: Column) throws(PostgresError) -> Double? { try optional(column, decodeDouble) }

  /// `text`, `varchar`, `char(n)`, `name`, `json`, `jsonb`, `xml`, enumerations.
  public func text(_ column: Column) throws(PostgresError) -> String { try required(column, decodeText) }
  public func optionalText(_ column: Column) throws(PostgresError) -> String? { try optional(column, decodeText) }

  /// `bytea`, and the text of `json`, `jsonb`, `text` and its kin.
  public func bytes(_ column: Column) throws(PostgresError) -> [UInt8] { try required(column, decodeBytes) }
  public func optionalBytes(_ column: Column) throws(PostgresError) -> [UInt8]? { try optional(column, decodeBytes) }

  public func uuid(_ column: Column) throws(PostgresError) -> PostgresUUID { try required(column, decodeUUID) }
  public func optionalUUID(_ column: Column) throws(PostgresError) -> PostgresUUID? { try optional(column, decodeUUID) }

  /// `timestamptz`, and `timestamp` taken as UTC: microseconds since 1970. `infinity` is refused.
  public func timestamp(_ column: Column) throws(PostgresError) -> Int64 { try required(column, decodeTimestamp) }
  public func optionalTimestamp(_ column: Column) throws(PostgresError) -> Int64? {
    try optional(column, decodeTimestamp)
  }

  public func bools(_ column: Column) throws(PostgresError) -> [Bool?] { try array(column, decodeBool) }
  public func ints(_ column: Column) throws(PostgresError) -> [Int?] {
    try int64s(column).map { $0.map { Int($0) } }
  }
  public func int64s(_ column: Column) throws(PostgresError) -> [Int64?] { try array(column, decodeInteger) }
  public func doubles(_ column: Column) throws(PostgresError) -> [Double?] { try array(column, decodeDouble) }
  public func texts(_ column: Column) throws(PostgresError) -> [String?] { try array(column, decodeText) }
  public func bytesArray(_ column: Column) throws(PostgresError) -> [[UInt8]?] { try array(column, decodeBytes) }
  public func uuids(_ column: Column) throws(PostgresError) -> [PostgresUUID?] { try array(column, decodeUUID) }
  public func timestamps(_ column: Column) throws(PostgresError) -> [Int64?] { try array(column, decodeTimestamp) }
}

// MARK: - Access

/// A decoder gets the bytes of a value and its type; nil says that it cannot be what was asked for.
private typealias Decoder<Value> = (UnsafeRawBufferPointer, UInt32) -> Value?

extension PostgresRow {
  private func index(_ column: Column) throws(PostgresError) -> Int32 {
    switch column {
    case .index(let index) where columns.indices.contains(index): return Int32(index)
    case .index(let index): throw PostgresError(code: .decoding, message: "no column \(index) in the result")
    case .name(let name):
      if let index = columns.firstIndex(of: name) { return Int32(index) }
      throw PostgresError(code: .decoding, message: "no column \"\(name)\" in the result")
    }
  }

  private func field(
    _ column: Column
  ) throws(PostgresError) -> (bytes: UnsafeRawBufferPointer?, type: UInt32, index: Int32) {
    let index = try index(column)
    let type = PQftype(result.pointer, index)
    if PQgetisnull(result.pointer, row, index) == 1 { return (nil, type, index) }
    let start = PQgetvalue(result.pointer, row, index)
    let length = Int(PQgetlength(result.pointer, row, index))
    return (UnsafeRawBufferPointer(start: start, count: length), type, index)
  }

  private func optional<Value>(_ column: Column, _ decode: Decoder<Value>) throws(PostgresError) -> Value? {
    let (bytes, type, index) = try field(column)
    guard let bytes else { return nil }
    if let value = withExtendedLifetime(result, { decode(bytes, type) }) { return value }
    throw mismatch(index, type, Value.self)
  }

  private func required<Value>(_ column: Column, _ decode: Decoder<Value>) throws(PostgresError) -> Value {
    if let value = try optional(column, decode) { return value }
    let index = try index(column)
    throw PostgresError(code: .decoding, message: "column \"\(columns[Int(index)])\" is NULL")
  }

  private func array<Value>(_ column: Column, _ decode: Decoder<Value>) throws(PostgresError) -> [Value?] {
    let (bytes, type, index) = try field(column)
    guard let bytes else {
      throw PostgresError(code: .decoding, message: "column \"\(columns[Int(index)])\" is NULL")
    }
    if let values = withExtendedLifetime(result, { decodeArray(bytes, decode) }) { return values }
    throw mismatch(index, type, [Value?].self)
  }

  private func mismatch<Value>(_ index: Int32, _ type: UInt32, _ wanted: Value.Type) -> PostgresError {
    PostgresError(
      code: .decoding,
      message: "column \"\(columns[Int(index)])\" of type oid \(type) cannot be read as \(wanted); cast it in SQL")
  }
}
