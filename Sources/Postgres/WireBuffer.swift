/// Growable bytes in network order, reused from statement to statement.
///
/// The binary formats are those of the types' send and receive functions in the server's source
/// (`src/backend/utils/adt`); arrays as `array_send`: dimensions, null flag, element type, then (length, lower bound),
/// then each element with its length, -1 for NULL.
final class WireBuffer {
  private(set) var base: UnsafeMutableRawPointer
  private(set) var count = 0
  private var capacity: Int

  private static let initialCapacity = 16 * 1024
  /// A buffer that grew beyond this for one big statement is given back.
  private static let keptCapacity = 4 * 1024 * 1024

  init() {
    capacity = Self.initialCapacity
    base = .allocate(byteCount: capacity, alignment: 16)
  }

  deinit { base.deallocate() }

  func removeAll() {
    count = 0
    guard capacity > Self.keptCapacity else { return }
    base.deallocate()
    capacity = Self.initialCapacity
    base = .allocate(byteCount: capacity, alignment: 16)
  }

  @inline(__always)
  private func reserve(_ more: Int) {
    if count + more > capacity { grow(to: count + more) }
  }

  private func grow(to needed: Int) {
    let grown = max(needed, capacity * 2)
    let moved = UnsafeMutableRawPointer.allocate(byteCount: grown, alignment: 16)
    moved.copyMemory(from: base, byteCount: count)
    base.deallocate()
    base = moved
    capacity = grown
  }

  @inline(__always)
  func append<Integer: FixedWidthInteger>(_ value: Integer) {
    let size = MemoryLayout<Integer>.size
    reserve(size)
    base.storeBytes(of: value.bigEndian, toByteOffset: count, as: Integer.self)
    count += size
  }

  @inline(__always)
  func append(_ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress else { return }
    reserve(bytes.count)
    (base + count).copyMemory(from: start, byteCount: bytes.count)
    count += bytes.count
  }

  @inline(__always)
  func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

  @inline(__always)
  func append(_ text: String) {
    var text = text
    text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
  }
}

extension WireBuffer {
  /// Appends the value, which `checkSendable` has let pass, without a length. `.null` appends nothing.
  func append(_ value: PostgresValue) {
    switch value {
    case .null: break
    case .bool(let value): append(UInt8(value ? 1 : 0))
    case .int2(let value): append(value)
    case .int4(let value): append(value)
    case .int8(let value): append(value)
    case .double(let value): append(value.bitPattern)
    case .text(let value): append(value)
    case .json(let value), .bytes(let value): append(value)
    case .uuid(let value): append(value)
    case .timestamp(let value): append(value &- epochDifference)
    case .bools(let values):
      appendArray(values, of: TypeOID.bool) { buffer, value in
        buffer.append(Int32(1))
        buffer.append(UInt8(value ? 1 : 0))
      }
    case .int4s(let values):
      appendArray(values, of: TypeOID.int4) { buffer, value in
        buffer.append(Int32(4))
        buffer.append(value)
      }
    case .int8s(let values): appendArray(values, of: TypeOID.int8, appendEight)
    case .doubles(let values):
      appendArray(values, of: TypeOID.float8) { buffer, value in
        appendEight(buffer, Int64(bitPattern: value.bitPattern))
      }
    case .texts(let values):
      appendArray(values, of: TypeOID.text) { buffer, value in
        buffer.append(Int32(truncatingIfNeeded: value.utf8.count))
        buffer.append(value)
      }
    case .jsons(let values): appendArray(values, of: TypeOID.json, appendBytes)
    case .bytesArray(let values): appendArray(values, of: TypeOID.bytea, appendBytes)
    case .uuids(let values):
      appendArray(values, of: TypeOID.uuid) { buffer, value in
        buffer.append(Int32(16))
        buffer.append(value)
      }
    case .timestamps(let values):
      appendArray(values, of: TypeOID.timestamptz) { buffer, value in appendEight(buffer, value &- epochDifference) }
    }
  }

  /// Appends the value with its length before it; -1 for NULL.
  func appendCounted(_ value: PostgresValue) {
    let start = count
    if case .null = value { return append(Int32(-1)) }
    append(Int32(0))
    append(value)
    let length = Int32(truncatingIfNeeded: count - start - 4)
    base.storeBytes(of: length.bigEndian, toByteOffset: start, as: Int32.self)
  }

  private func append(_ value: PostgresUUID) {
    append(value.high)
    append(value.low)
  }

  @inline(__always)
  private func appendArray<Element>(
    _ values: [Element?], of type: UInt32, _ appendElement: (WireBuffer, Element) -> Void
  ) {
    append(Int32(values.isEmpty ? 0 : 1))
    append(Int32(values.contains { $0 == nil } ? 1 : 0))
    append(type)
    if values.isEmpty { return }
    append(Int32(truncatingIfNeeded: values.count))
    append(Int32(1))
    for value in values {
      if let value { appendElement(self, value) } else { append(Int32(-1)) }
    }
  }
}

private func appendEight(_ buffer: WireBuffer, _ value: Int64) {
  buffer.append(Int32(8))
  buffer.append(value)
}

private func appendBytes(_ buffer: WireBuffer, _ value: [UInt8]) {
  buffer.append(Int32(truncatingIfNeeded: value.count))
  buffer.append(value)
}

/// Microseconds from 1970-01-01 to 2000-01-01, from which the server counts.
let epochDifference: Int64 = 946_684_800_000_000
