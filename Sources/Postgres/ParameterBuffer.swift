/// The parameters of one statement as libpq takes them: arrays of pointers, lengths and formats. Reused, so that sending
/// allocates nothing once it has grown.
final class ParameterBuffer {
  /// The server's own limit for a value.
  static let byteLimit = 1 << 30

  private let bytes = WireBuffer()
  private var offsets: [Int] = []
  private var lengths: [Int32] = []
  private var pointers: [UnsafePointer<CChar>?] = []
  private var formats: [Int32] = []

  var byteCount: Int { bytes.count }

  func encode(_ values: [PostgresValue]) {
    bytes.removeAll()
    offsets.removeAll(keepingCapacity: true)
    lengths.removeAll(keepingCapacity: true)
    for value in values {
      let start = bytes.count
      if case .null = value {
        offsets.append(-1)
      } else {
        offsets.append(start)
        bytes.append(value)
      }
      lengths.append(Int32(truncatingIfNeeded: bytes.count - start))
    }
  }

  /// The pointers are valid during the call only. Formats are all 1: binary.
  func withPointers<Result>(
    _ body: (Int32, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) -> Result
  ) -> Result {
    pointers.removeAll(keepingCapacity: true)
    for offset in offsets {
      pointers.append(offset < 0 ? nil : UnsafePointer((bytes.base + offset).assumingMemoryBound(to: CChar.self)))
    }
    while formats.count < offsets.count { formats.append(1) }
    return pointers.withUnsafeBufferPointer { pointers in
      lengths.withUnsafeBufferPointer { lengths in
        formats.withUnsafeBufferPointer { formats in
          body(Int32(offsets.count), pointers.baseAddress, lengths.baseAddress, formats.baseAddress)
        }
      }
    }
  }
}
