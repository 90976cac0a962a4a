/// Percent-encoding (RFC 3986 section 2).
enum PercentEncoding {
  /// Everything but unreserved characters is encoded (section 2.3), so that a value stays one value wherever it stands.
  static func value(_ text: String, keeping kept: String = "") -> String {
    encode(text) { isUnreserved($0) || kept.utf8.contains($0) }
  }

  /// As in a form (URL Standard, "application/x-www-form-urlencoded serializing"): a space is a plus.
  static func form(_ text: String) -> String {
    text.split(separator: " ", omittingEmptySubsequences: false)
      .map { part in encode(String(part)) { isUnreserved($0) && $0 != UInt8(ascii: "~") } }
      .joined(separator: "+")
  }

  /// A URI as people write it: what may not stand in one (a space, a brace, a letter with an accent) is encoded, what
  /// is encoded stays, and the host stays as it is.
  static func uri(_ text: String) -> String {
    let start = text.firstRange(of: "://")?.upperBound ?? text.startIndex
    let end = text[start...].firstIndex { "/?#".contains($0) } ?? text.endIndex
    return text[..<end] + encode(String(text[end...])) { isUnreserved($0) || reserved.utf8.contains($0) }
  }

  static let reserved = ":/?#[]@!$&'()*+,;=%"

  /// - Returns: the text with its bytes in place of escapes, and a space in place of each plus.
  static func decodedQuery(_ text: some StringProtocol) -> String {
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
      guard bytes.count >= 3, bytes[bytes.count - 3] == UInt8(ascii: "%"),
        let high = digit(bytes[bytes.count - 2]), let low = digit(bytes[bytes.count - 1])
      else { continue }
      bytes.replaceSubrange((bytes.count - 3)..., with: [high << 4 | low])
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func encode(_ text: String, isKept: (UInt8) -> Bool) -> String {
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      if isKept(byte) {
        bytes.append(byte)
      } else {
        bytes += [UInt8(ascii: "%"), hexDigits[Int(byte >> 4)], hexDigits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static let hexDigits = Array("0123456789ABCDEF".utf8)

  private static func digit(_ byte: UInt8) -> UInt8? {
    Character(UnicodeScalar(byte)).hexDigitValue.flatMap { UInt8($0) }
  }

  private static func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "-._~".utf8.contains(byte)
    }
  }
}
