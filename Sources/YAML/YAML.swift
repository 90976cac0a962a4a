import Values

/// Reads YAML 1.2 (and JSON, which is YAML) into a tree that remembers positions.
///
/// Narrower than YAML where YAML surprises: no tags, no merge keys, no repeated keys, one document, bounded aliases.
public enum YAML {
  public static func parse(_ text: String, limits: YAMLLimits = YAMLLimits()) throws(YAMLError) -> YAMLNode {
    try parse(Array(text.utf8), limits: limits)
  }

  public static func parse(_ bytes: [UInt8], limits: YAMLLimits = YAMLLimits()) throws(YAMLError) -> YAMLNode {
    guard bytes.count <= limits.maxBytes else {
      throw .init(
        .tooLarge, YAMLPosition(line: 1, column: 1),
        "the file has \(bytes.count) bytes; at most \(limits.maxBytes) are read")
    }
    if let offset = firstInvalidUTF8(bytes) {
      throw .init(
        .encoding, position(ofByte: offset, in: bytes), "the file is not UTF-8 from byte \(offset) on",
        hint: "save the file as UTF-8")
    }
    let content = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
    let builder = YAMLBuilder(limits: limits, lines: YAMLLines(content))
    return try builder.build(looksLikeJSON(content) ? joiningSurrogates(content) : content)
  }

  private static func firstInvalidUTF8(_ bytes: [UInt8]) -> Int? {
    do {
      _ = try UTF8Span(validating: bytes.span)
      return nil
    } catch {
      return error.byteOffsets.lowerBound
    }
  }

  private static func position(ofByte offset: Int, in bytes: [UInt8]) -> YAMLPosition {
    let before = bytes[..<offset]
    let lineStart = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    let column = String(decoding: before[lineStart...], as: UTF8.self).unicodeScalars.count + 1
    return YAMLPosition(line: before.count { $0 == 0x0A } + 1, column: column)
  }

  private static func looksLikeJSON(_ bytes: [UInt8]) -> Bool {
    let first = bytes.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
    return first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
  }

  /// JSON writes characters beyond U+FFFF as two `\u` escapes, which libyaml refuses: they become one `\U` escape.
  private static func joiningSurrogates(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
      if let high = escape(at: index, in: bytes), (0xD800...0xDBFF).contains(high),
        let low = escape(at: index + 6, in: bytes), (0xDC00...0xDFFF).contains(low)
      {
        let digits = String(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00), radix: 16)
        result += Array("\\U\(String(repeating: "0", count: 8 - digits.count))\(digits)".utf8)
        index += 12
      } else {
        // An escaped backslash must not lend its second half to a following `u`.
        let length = bytes[index] == UInt8(ascii: "\\") && index + 1 < bytes.count ? 2 : 1
        result += bytes[index..<index + length]
        index += length
      }
    }
    return result
  }

  /// The number of a `\uXXXX` escape that starts at a byte.
  private static func escape(at index: Int, in bytes: [UInt8]) -> Int? {
    guard index + 6 <= bytes.count, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u") else {
      return nil
    }
    return Int(String(decoding: bytes[index + 2..<index + 6], as: UTF8.self), radix: 16)
  }
}

extension YAMLError {
  init(_ code: YAMLProblem.Code, _ position: YAMLPosition, _ message: String, hint: String? = nil) {
    self.init(problems: [YAMLProblem(code: code, position: position, message: message, hint: hint)])
  }
}

/// The lines of a file, for messages.
struct YAMLLines {
  private let lines: [Substring]

  init(_ bytes: [UInt8]) {
    lines = String(decoding: bytes, as: UTF8.self).split(omittingEmptySubsequences: false) { $0.isNewline }
  }

  subscript(line: Int) -> Substring { lines.indices.contains(line - 1) ? lines[line - 1] : "" }
}
