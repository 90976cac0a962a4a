import CCrypto

/// Base64 with padding and without line breaks (RFC 4648, section 4).
public enum Base64 {
  public static func encode(_ bytes: [UInt8]) -> String {
    // OpenSSL counts in C integers.
    guard bytes.count <= Int(Int32.max) / 2 else { return "" }
    let length = (bytes.count + 2) / 3 * 4
    // The C function ends its text with a zero.
    return String(unsafeUninitializedCapacity: length + 1) { text in
      Int(EVP_EncodeBlock(text.baseAddress, bytes, Int32(bytes.count)))
    }
  }

  /// `nil` for anything that ``encode(_:)`` would not have written.
  public static func decode(_ text: String) -> [UInt8]? {
    let input = Array(text.utf8)
    guard input.count % 4 == 0, input.count <= Int(Int32.max) else { return nil }
    let padding = input.suffix(2).count { $0 == UInt8(ascii: "=") }
    // The C function skips white space and takes zeros for padding: the way back tells whether it was either.
    var bytes = [UInt8](unsafeUninitializedCapacity: input.count / 4 * 3) { buffer, count in
      count = max(Int(EVP_DecodeBlock(buffer.baseAddress, input, Int32(input.count))), 0)
    }
    guard bytes.count == input.count / 4 * 3 else { return nil }
    bytes.removeLast(min(padding, bytes.count))
    return encode(bytes) == text ? bytes : nil
  }
}
