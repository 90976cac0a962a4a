import Glibc

/// The offset of the first byte that does not belong to well-formed UTF-8 (Unicode Standard, table 3-7), if there is one.
func firstInvalidUTF8(_ base: UnsafePointer<UInt8>, count: Int) -> Int? {
  var place = 0
  let raw = UnsafeRawPointer(base)
  while place < count {
    if count - place >= 8, raw.loadUnaligned(fromByteOffset: place, as: UInt64.self) & 0x8080_8080_8080_8080 == 0 {
      place += 8
      continue
    }
    if base[place] < 0x80 {
      place += 1
      continue
    }
    let length = sequenceLength(base + place, available: count - place)
    guard length > 0 else { return place }
    place += length
  }
  return nil
}

/// The length of the well-formed sequence of two to four bytes that starts here, or 0.
private func sequenceLength(_ base: UnsafePointer<UInt8>, available: Int) -> Int {
  let second: ClosedRange<UInt8>
  let length: Int
  switch base[0] {
  case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
  case 0xE0: (length, second) = (3, 0xA0...0xBF)
  case 0xED: (length, second) = (3, 0x80...0x9F)
  case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
  case 0xF0: (length, second) = (4, 0x90...0xBF)
  case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
  case 0xF4: (length, second) = (4, 0x80...0x8F)
  default: return 0
  }
  guard available >= length, second ~= base[1] else { return 0 }
  for place in 2..<max(length, 2) where base[place] & 0xC0 != 0x80 { return 0 }
  return length
}

func hexDigit(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  default: nil
  }
}

/// A hexadecimal digit, lower case.
func hexCharacter(_ value: UInt8) -> UInt8 {
  value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
}

extension String {
  /// Swift's `==` holds for canonically equivalent strings; names and data in JSON are equal byte by byte.
  func hasSameBytes(as other: String) -> Bool {
    let count = utf8.count
    guard count == other.utf8.count else { return false }
    let result = utf8.withContiguousStorageIfAvailable { left in
      other.utf8.withContiguousStorageIfAvailable { right in
        guard let left = left.baseAddress, let right = right.baseAddress else { return count == 0 }
        return memcmp(left, right, count) == 0
      }
    }
    return (result ?? nil) ?? utf8.elementsEqual(other.utf8)
  }
}
