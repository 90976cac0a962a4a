/// Why a text with markup is refused, as the Bot API words it.
struct TelegramParseError: Error {
  let description: String

  init(_ description: String) { self.description = "can't parse entities: \(description)" }
}

/// What is left of a text when its markup is taken out (Bot API, "Formatting options").
enum TelegramEntities {
  static func plainText(_ text: String, mode: String?) throws(TelegramParseError) -> String {
    switch mode?.lowercased() {
    case nil, "": return text
    case "html": return try html(text)
    case "markdownv2": return try markdown(text)
    default: throw TelegramParseError("unsupported parse_mode")
    }
  }

  // MARK: - HTML

  private static let tags: Set<String> = [
    "b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "span", "tg-spoiler", "a", "tg-emoji", "code", "pre",
    "blockquote",
  ]

  private static func html(_ text: String) throws(TelegramParseError) -> String {
    var plain = ""
    var open: [String] = []
    var rest = Substring(text)
    while let character = rest.first {
      let offset = text.utf8.count - rest.utf8.count
      if character == "<" {
        guard let end = rest.firstIndex(of: ">") else {
          throw TelegramParseError("Unclosed start tag at byte offset \(offset)")
        }
        let tag = rest[rest.index(after: rest.startIndex)..<end]
        try apply(tag: tag, at: offset, to: &open)
        rest = rest[rest.index(after: end)...]
      } else if character == "&", let (decoded, after) = reference(rest) {
        plain.append(decoded)
        rest = after
      } else {
        plain.append(character)
        rest.removeFirst()
      }
    }
    if let tag = open.last { throw TelegramParseError("Can't find end tag corresponding to start tag \"\(tag)\"") }
    return plain
  }

  private static func apply(tag: Substring, at offset: Int, to open: inout [String]) throws(TelegramParseError) {
    guard tag.first == "/" else {
      let name = tag.prefix { $0 != " " }.lowercased()
      guard tags.contains(name) else {
        throw TelegramParseError("Unsupported start tag \"\(name)\" at byte offset \(offset)")
      }
      return open.append(name)
    }
    let name = tag.dropFirst().lowercased()
    guard let last = open.last else { throw TelegramParseError("Unexpected end tag at byte offset \(offset)") }
    guard name.isEmpty || name == last else {
      throw TelegramParseError(
        "Unmatched end tag at byte offset \(offset), expected \"</\(last)>\", found \"</\(name)>\"")
    }
    open.removeLast()
  }

  /// A character reference; anything else after `&` stands for itself.
  private static func reference(_ text: Substring) -> (Character, Substring)? {
    for (name, character) in [("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"), ("&quot;", "\"")] as [(String, Character)] {
      if text.hasPrefix(name) { return (character, text.dropFirst(name.count)) }
    }
    guard text.hasPrefix("&#"), let end = text.prefix(12).firstIndex(of: ";") else { return nil }
    let digits = text[..<end].dropFirst(2)
    let value = digits.first == "x" ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
    guard let scalar = value.flatMap(Unicode.Scalar.init) else { return nil }
    return (Character(scalar), text[text.index(after: end)...])
  }

  // MARK: - MarkdownV2

  private static func markdown(_ text: String) throws(TelegramParseError) -> String {
    let characters = Array(text)
    var plain = ""
    var open: [String] = []
    var index = 0
    func hasPrefix(_ marker: String) -> Bool { characters[index...].starts(with: marker) }

    while index < characters.count {
      let character = characters[index]
      let isCode = open.last == "`" || open.last == "```"
      if character == "\\", index + 1 < characters.count, characters[index + 1].isASCII {
        plain.append(characters[index + 1])
        index += 2
      } else if let marker = ["```", "`", "__", "_", "*", "~", "||"].first(where: hasPrefix),
        !isCode || marker == open.last
      {
        if open.last == marker { open.removeLast() } else { open.append(marker) }
        index += marker.count
      } else if isCode {
        plain.append(character)
        index += 1
      } else if character == "[" || hasPrefix("![") {
        open.append("[")
        index += character == "[" ? 1 : 2
      } else if open.last == "[", hasPrefix("]("), let end = characters[index...].firstIndex(of: ")") {
        open.removeLast()
        index = end + 1
      } else if character == ">", index == 0 || characters[index - 1] == "\n" {
        index += 1
      } else if "_*[]()~`>#+-=|{}.!".contains(character) {
        throw TelegramParseError("Character '\(character)' is reserved and must be escaped with the preceding '\\'")
      } else {
        plain.append(character)
        index += 1
      }
    }
    if let marker = open.last { throw TelegramParseError("Can't find end of the entity that begins with \(marker)") }
    return plain
  }
}
