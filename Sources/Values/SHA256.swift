import CCrypto

/// SHA-256 (FIPS 180-4), computed by OpenSSL.
public enum SHA256 {
  /// The 32 bytes of the digest.
  public static func hash(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: Int(SHA256_DIGEST_LENGTH)) { digest, count in
      // The C function asks for an address even where there is nothing to read.
      let empty: [UInt8] = [0]
      if let start = bytes.bindMemory(to: UInt8.self).baseAddress {
        _ = CCrypto.SHA256(start, bytes.count, digest.baseAddress)
      } else {
        _ = CCrypto.SHA256(empty, 0, digest.baseAddress)
      }
      count = Int(SHA256_DIGEST_LENGTH)
    }
  }

  public static func hash(_ bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes { hash($0) } }

  /// The digest of the UTF-8 bytes as 64 hexadecimal digits, lower case.
  public static func hex(_ text: String) -> String { hex(Array(text.utf8)) }

  public static func hex(_ bytes: [UInt8]) -> String {
    String(unsafeUninitializedCapacity: 2 * Int(SHA256_DIGEST_LENGTH)) { text in
      for (place, byte) in hash(bytes).enumerated() {
        text[2 * place] = hexCharacter(byte >> 4)
        text[2 * place + 1] = hexCharacter(byte & 15)
      }
      return 2 * Int(SHA256_DIGEST_LENGTH)
    }
  }
}
