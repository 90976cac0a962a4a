/// A text as Telegram takes it: parts of at most 4,096 UTF-16 code units (Bot API, "sendMessage").
///
/// A longer text is cut after the last line that fits, else after the last word, else after the last character, so that
/// nothing of it is lost but the white space at the cut. Pure.
enum TelegramText {
  static let limit = 4096

  /// Without parts that are only white space, which Telegram refuses; so none for a blank text.
  static func parts(_ text: String, limit: Int = limit) -> [String] {
    var parts: [String] = []
    var rest = Substring(text)
    while !rest.isEmpty {
      let (part, next) = firstPart(of: rest, limit)
      if part.contains(where: { !$0.isWhitespace }) { parts.append(String(part)) }
      rest = next
    }
    return parts
  }

  private static func firstPart(of text: Substring, _ limit: Int) -> (part: Substring, rest: Substring) {
    guard let end = text.utf16.index(text.startIndex, offsetBy: limit, limitedBy: text.endIndex), end < text.endIndex
    else { return (text, text[text.endIndex...]) }
    let fitting = text[..<characterBoundary(atOrBefore: end, in: text)]
    // A line or a word that ends right at the limit fits too.
    for isBreak in [\Character.isNewline, \Character.isWhitespace] {
      if fitting.endIndex < text.endIndex, text[fitting.endIndex][keyPath: isBreak] {
        return (fitting, text[text.index(after: fitting.endIndex)...])
      }
      if let cut = fitting.lastIndex(where: { $0[keyPath: isBreak] }), cut > fitting.startIndex {
        return (fitting[..<cut], text[text.index(after: cut)...])
      }
    }
    return (fitting, text[fitting.endIndex...])
  }

  /// Whole characters if any fits, else whole Unicode scalars.
  private static func characterBoundary(atOrBefore end: String.Index, in text: Substring) -> String.Index {
    var boundary = text.startIndex
    var next = text.index(after: boundary)
    while next <= end {
      boundary = next
      guard next < text.endIndex else { break }
      next = text.index(after: next)
    }
    if boundary > text.startIndex { return boundary }
    var scalar = text.startIndex
    while case let next = text.unicodeScalars.index(after: scalar), next <= end { scalar = next }
    return scalar
  }
}
