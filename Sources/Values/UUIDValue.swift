/// A UUID (RFC 9562) as two words, in the order of its bytes.
public struct UUIDValue: Sendable, Hashable, Comparable, CustomStringConvertible {
  public var high: UInt64
  public var low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Reads `8-4-4-4-12` hexadecimal digits of either case, and nothing else.
  public init?(_ text: String) {
    var text = text
    let value = text.withUTF8 { UUIDValue(ascii: $0) }
    guard let value else { return nil }
    self = value
  }

  /// - Parameter bytes: the text.
  public init?(ascii bytes: UnsafeBufferPointer<UInt8>) {
    guard bytes.count == 36 else { return nil }
    var words: (UInt64, UInt64) = (0, 0)
    for place in 0..<36 {
      if Self.isHyphen(place) {
        guard bytes[place] == UInt8(ascii: "-") else { return nil }
        continue
      }
      guard let digit = hexDigit(bytes[place]) else { return nil }
      if place < 18 { words.0 = words.0 << 4 | UInt64(digit) } else { words.1 = words.1 << 4 | UInt64(digit) }
    }
    (high, low) = words
  }

  /// Lower case, `8-4-4-4-12`.
  public var text: String {
    String(unsafeUninitializedCapacity: 36) { text in
      var place = 0
      for index in 0..<16 {
        if Self.isHyphen(place) {
          text[place] = UInt8(ascii: "-")
          place += 1
        }
        let byte = UInt8(truncatingIfNeeded: (index < 8 ? high : low) >> UInt64(56 - index % 8 * 8))
        text[place] = hexCharacter(byte >> 4)
        text[place + 1] = hexCharacter(byte & 15)
        place += 2
      }
      return place
    }
  }

  public var description: String { text }

  public static func < (left: UUIDValue, right: UUIDValue) -> Bool {
    (left.high, left.low) < (right.high, right.low)
  }

  private static func isHyphen(_ place: Int) -> Bool { place == 8 || place == 13 || place == 18 || place == 23 }
}
