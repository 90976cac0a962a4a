// Binary formats of the server's send functions, `src/backend/utils/adt`. Each decoder returns nil when the type or the
// length is not one it knows.

@inline(__always)
private func integer<Integer: FixedWidthInteger>(
  _ bytes: UnsafeRawBufferPointer, at offset: Int = 0, as type: Integer.Type
) -> Integer {
  Integer(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type))
}

func decodeBool(_ bytes: UnsafeRawBufferPointer, _ type: UInt32) -> Bool? {
  type == TypeOID.bool && bytes.count == 1 ? bytes[0] != 0 : nil
}

func decodeInteger(_ bytes: UnsafeRawBufferPointer, _ type: UInt32) -> Int64? {
  switch (type, bytes.count) {
  case (TypeOID.int2, 2): Int64(integer(bytes, as: Int16.self))
  case (TypeOID.int4, 4): Int64(integer(bytes, as: Int32.self))
  case (TypeOID.int8, 8): integer(bytes, as: Int64.self)
  case (TypeOID.oid, 4): Int64(integer(bytes, as: UInt32.self))
  default: nil
  }
}

func decodeDouble(_ bytes: UnsafeRawBufferPointer, _ type: UInt32) -> Double? {
  switch (type, bytes.count) {
  case (TypeOID.float8, 8): Double(bitPattern: integer(bytes, as: UInt64.self))
  case (TypeOID.float4, 4): Double(Float(bitPattern: integer(bytes, as: UInt32.self)))
  default: nil
  }
}

/// The bytes that are text, whatever the type: `jsonb` has a version number, 1, before them.
private func textBytes(_ bytes: UnsafeRawBufferPointer, _ type: UInt32) -> UnsafeRawBufferPointer? {
  switch type {
  case TypeOID.text, TypeOID.varchar, TypeOID.bpchar, TypeOID.name, TypeOID.json, TypeOID.xml, TypeOID.unknown,
    TypeOID.char:
    return bytes
  case TypeOID.jsonb:
    return bytes.first == 1 ? UnsafeRawBufferPointer(rebasing: bytes.dropFirst()) : nil
  default:
    return type >= TypeOID.firstUserDefined ? bytes : nil
  }
}

func decodeText(_ bytes: UnsafeRawBufferPointer, _ type: UInt32) -> String? {
  textBytes(bytes, type).flatMap { String(validating: $0, as: UTF8.self) }
}

func decodeBytes(_ bytes: UnsafeRawBufferPointer, _ type: UInt32) -> [UInt8]? {
  if type == TypeOID.bytea { return Array(bytes) }
  return textBytes(bytes, type).map { Array($0) }
}

func decodeUUID(_ bytes: UnsafeRawBufferPointer, _ type: UInt32) -> PostgresUUID? {
  guard type == TypeOID.uuid, bytes.count == 16 else { return nil }
  return PostgresUUID(high: integer(bytes, as: UInt64.self), low: integer(bytes, at: 8, as: UInt64.self))
}

func decodeTimestamp(_ bytes: UnsafeRawBufferPointer, _ type: UInt32) -> Int64? {
  guard type == TypeOID.timestamptz || type == TypeOID.timestamp, bytes.count == 8 else { return nil }
  let value = integer(bytes, as: Int64.self)
  // The two ends of the range stand for -infinity and infinity.
  if value == .max || value == .min { return nil }
  let (microseconds, overflow) = value.addingReportingOverflow(epochDifference)
  return overflow ? nil : microseconds
}

/// One-dimensional arrays.
func decodeArray<Value>(
  _ bytes: UnsafeRawBufferPointer, _ decode: (UnsafeRawBufferPointer, UInt32) -> Value?
) -> [Value?]? {
  guard bytes.count >= 12 else { return nil }
  let dimensions = integer(bytes, as: Int32.self)
  if dimensions == 0 { return [] }
  guard dimensions == 1, bytes.count >= 20 else { return nil }
  let type = integer(bytes, at: 8, as: UInt32.self)
  let count = Int(integer(bytes, at: 12, as: Int32.self))
  guard count >= 0, count <= (bytes.count - 20) / 4 else { return nil }
  var values: [Value?] = []
  values.reserveCapacity(count)
  var offset = 20
  for _ in 0..<count {
    guard offset + 4 <= bytes.count else { return nil }
    let length = Int(integer(bytes, at: offset, as: Int32.self))
    offset += 4
    if length < 0 {
      values.append(nil)
      continue
    }
    guard offset + length <= bytes.count else { return nil }
    let element = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length])
    guard let value = decode(element, type) else { return nil }
    values.append(value)
    offset += length
  }
  return values
}
