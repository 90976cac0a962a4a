extension UUIDValue {
  /// A UUID made of a text: version 8 (a digest of our own) and the variant of RFC 9562.
  public init(digestOf text: String) {
    let digest = SHA256.hash(Array(text.utf8))
    var high: UInt64 = 0
    var low: UInt64 = 0
    for index in 0..<8 {
      high = high << 8 | UInt64(digest[index])
      low = low << 8 | UInt64(digest[index + 8])
    }
    self.init(high: high & ~0xf000 | 0x8000, low: low & ~(0b11 << 62) | 0b10 << 62)
  }
}
