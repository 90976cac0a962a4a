import Testing
import Values

@Suite struct Base64Tests {
  /// RFC 4648, section 10.
  @Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
    (
      "fooba",
      "Zm9vYmE="
    ), ("foobar", "Zm9vYmFy"),
  ])
  func examples(plain: String, encoded: String) {
    #expect(Base64.encode(Array(plain.utf8)) == encoded)
    #expect(Base64.decode(encoded) == Array(plain.utf8))
  }

  @Test(arguments: [
    "Z", "Zg", "Zg=", "Zh==", "Zg==\n", " Zg==", "Zm9v ", "Zm9=Zm9v", "====", "Zm_v", "Zm\0v",
    "é==", "Z===",
  ])
  func refuses(text: String) { #expect(Base64.decode(text) == nil) }

  @Test func whatIsWrittenReadsBackTheSame() {
    var random = Generator(seed: 5)
    for count in 0..<300 {
      let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      #expect(Base64.decode(Base64.encode(bytes)) == bytes)
    }
  }
}
