/// A parameter. All are sent in binary format with their type, so `$1` needs a cast only where the server is to convert.
public enum PostgresValue: Sendable, Hashable {
  /// NULL of whatever type the server infers.
  case null
  case bool(Bool)
  case int2(Int16)
  case int4(Int32)
  case int8(Int64)
  /// `float8`
  case double(Double)
  case text(String)
  /// JSON text as type `json`, which keeps it byte by byte (`jsonb` would reorder it, and refuses `\u0000`).
  case json([UInt8])
  /// `bytea`
  case bytes([UInt8])
  case uuid(PostgresUUID)
  /// `timestamptz`, microseconds since 1970-01-01 UTC.
  case timestamp(Int64)
  case bools([Bool?])
  case int4s([Int32?])
  case int8s([Int64?])
  case doubles([Double?])
  case texts([String?])
  case jsons([[UInt8]?])
  case bytesArray([[UInt8]?])
  case uuids([PostgresUUID?])
  /// `timestamptz[]`, microseconds since 1970-01-01 UTC.
  case timestamps([Int64?])

  /// `int8`
  public static func int(_ value: Int) -> PostgresValue { .int8(Int64(value)) }
}

/// The 16 bytes of a UUID in network order: `high` holds the first eight.
public struct PostgresUUID: Sendable, Hashable {
  public var high: UInt64
  public var low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }
}

/// One SQL statement with its parameters.
public struct PostgresStatement: Sendable, Hashable {
  /// Also the key under which it stays prepared: keep it constant, put what changes into `parameters`.
  public var sql: String
  public var parameters: [PostgresValue]

  public init(_ sql: String, _ parameters: [PostgresValue] = []) {
    self.sql = sql
    self.parameters = parameters
  }
}

/// `oid` of the types that this module sends or reads (pg_type.dat; they never change).
enum TypeOID {
  static let bool: UInt32 = 16
  static let bytea: UInt32 = 17
  static let char: UInt32 = 18
  static let name: UInt32 = 19
  static let int8: UInt32 = 20
  static let int2: UInt32 = 21
  static let int4: UInt32 = 23
  static let text: UInt32 = 25
  static let oid: UInt32 = 26
  static let json: UInt32 = 114
  static let xml: UInt32 = 142
  static let float4: UInt32 = 700
  static let float8: UInt32 = 701
  static let unknown: UInt32 = 705
  static let bpchar: UInt32 = 1042
  static let varchar: UInt32 = 1043
  static let timestamp: UInt32 = 1114
  static let timestamptz: UInt32 = 1184
  static let uuid: UInt32 = 2950
  static let jsonb: UInt32 = 3802
  /// From here on the types are the database's own (enumerations among them).
  static let firstUserDefined: UInt32 = 16384

  static let boolArray: UInt32 = 1000
  static let byteaArray: UInt32 = 1001
  static let int4Array: UInt32 = 1007
  static let textArray: UInt32 = 1009
  static let int8Array: UInt32 = 1016
  static let float8Array: UInt32 = 1022
  static let timestamptzArray: UInt32 = 1185
  static let jsonArray: UInt32 = 199
  static let uuidArray: UInt32 = 2951
}

extension PostgresValue {
  /// 0: the server infers it.
  var typeOID: UInt32 {
    switch self {
    case .null: 0
    case .bool: TypeOID.bool
    case .int2: TypeOID.int2
    case .int4: TypeOID.int4
    case .int8: TypeOID.int8
    case .double: TypeOID.float8
    case .text: TypeOID.text
    case .json: TypeOID.json
    case .bytes: TypeOID.bytea
    case .uuid: TypeOID.uuid
    case .timestamp: TypeOID.timestamptz
    case .bools: TypeOID.boolArray
    case .int4s: TypeOID.int4Array
    case .int8s: TypeOID.int8Array
    case .doubles: TypeOID.float8Array
    case .texts: TypeOID.textArray
    case .jsons: TypeOID.jsonArray
    case .bytesArray: TypeOID.byteaArray
    case .uuids: TypeOID.uuidArray
    case .timestamps: TypeOID.timestamptzArray
    }
  }
}

extension PostgresStatement {
  /// To be called before anything of a list is sent: in the middle of it there is no way back.
  func checkSendable() throws(PostgresError) {
    if parameters.count > Int(UInt16.max) {
      throw PostgresError(code: .encoding, message: "\(parameters.count) parameters; the protocol allows 65535")
    }
    for parameter in parameters { try parameter.checkSendable() }
  }
}

extension PostgresValue {
  func checkSendable() throws(PostgresError) {
    let earliest = Int64.min + epochDifference
    switch self {
    case .timestamp(let value) where value < earliest:
      throw PostgresError(code: .encoding, message: "timestamp out of range: \(value) µs")
    case .timestamps(let values) where values.contains(where: { $0.map { $0 < earliest } ?? false }):
      throw PostgresError(code: .encoding, message: "timestamp out of range in an array")
    default: break
    }
  }
}
