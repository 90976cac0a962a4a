import Generator
import Values

/// Writes data as YAML in the many ways in which people write it.
struct YAMLWriter {
  var dice: Dice
  private var lines: [String] = []

  init(dice: Dice) { self.dice = dice }

  mutating func text(_ json: JSON) -> String {
    lines = []
    block(json, indent: 0, prefix: "")
    return lines.joined(separator: "\n") + "\n"
  }

  /// - Parameter prefix: what stands on the line before the value, such as `key:` or `-`.
  private mutating func block(_ json: JSON, indent: Int, prefix: String) {
    let margin = String(repeating: " ", count: indent)
    switch json {
    case .object(let object) where !object.isEmpty && !(isSmall(json) && dice.chance(40)):
      if prefix == "-" {
        // The first member stands beside the dash, the others below it.
        let start = lines.count
        for (key, value) in object { member(key, value, indent: indent + 2) }
        lines[start] = margin + "- " + lines[start].dropFirst(indent + 2)
      } else {
        if !prefix.isEmpty { lines.append(margin + prefix) }
        let inner = prefix.isEmpty ? indent : indent + 2
        for (key, value) in object { member(key, value, indent: inner) }
      }
    case .array(let items) where !items.isEmpty && !(isSmall(json) && dice.chance(60)):
      if !prefix.isEmpty { lines.append(margin + prefix) }
      for item in items { block(item, indent: prefix.isEmpty ? indent : indent + 2, prefix: "-") }
    default: lines.append(margin + prefix + (prefix.isEmpty ? "" : " ") + flow(json))
    }
  }

  private mutating func member(_ key: String, _ value: JSON, indent: Int) {
    block(value, indent: indent, prefix: scalar(key, inFlow: false) + ":")
  }

  private func isSmall(_ json: JSON) -> Bool { Self.rest(of: 90, after: json) > 0 }

  /// What is left of so many characters; it is not read further than that.
  private static func rest(of count: Int, after json: JSON) -> Int {
    guard count > 0 else { return 0 }
    switch json {
    case .null, .bool: return count - 4
    case .number(let number): return count - number.text.utf8.count
    case .string(let text): return count - text.utf8.count
    case .array(let items): return items.reduce(count) { rest(of: $0, after: $1) - 2 }
    case .object(let object): return object.reduce(count) { rest(of: $0, after: $1.value) - $1.key.utf8.count - 2 }
    }
  }

  private mutating func flow(_ json: JSON) -> String {
    switch json {
    case .array(let items):
      var texts: [String] = []
      for item in items { texts.append(flow(item)) }
      return "[" + texts.joined(separator: ", ") + "]"
    case .object(let object):
      var texts: [String] = []
      for (key, value) in object { texts.append(scalar(key, inFlow: true) + ": " + flow(value)) }
      return "{" + texts.joined(separator: ", ") + "}"
    case .string(let text): return scalar(text, inFlow: true)
    case .null: return dice.pick(["null", "~"])
    default: return json.text
    }
  }

  private mutating func scalar(_ text: String, inFlow: Bool) -> String {
    let isWord =
      text.utf8.first.map { (0x61...0x7A).contains($0 | 0x20) } == true
      && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20) }
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(text.lowercased())
    if isWord, !reserved, dice.chance(85) { return text }
    if dice.chance(50), !text.contains("\n") { return "'" + text.replacing("'", with: "''") + "'" }
    return JSON.string(text).text
  }
}
