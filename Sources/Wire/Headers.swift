import Kafka
import Values

/// A record's headers, read by the rules for attributes.
struct Headers {
  private let headers: [KafkaHeader]

  init(_ headers: [KafkaHeader]) { self.headers = headers }

  /// The text of a header; `nil` where it is absent or has no value.
  func text(_ name: String) throws(WireError) -> String? {
    var found: [UInt8]?
    for header in headers where header.name == name {
      guard let value = header.value else { continue }
      guard found == nil else { throw WireError(.invalidAttribute, "the header '\(name)' is repeated") }
      found = value
    }
    guard let found else { return nil }
    return try Self.text(found, of: name)
  }

  func required(_ name: String) throws(WireError) -> String {
    guard let text = try text(name), !text.isEmpty else {
      throw WireError(.missingAttribute, "the header '\(name)' is missing")
    }
    return text
  }

  static func text(_ bytes: [UInt8], of name: String) throws(WireError) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw WireError(.notUTF8, "the header '\(name)' is not UTF-8")
    }
    guard Attributes.isLegal(value: text) else {
      throw WireError(.invalidAttribute, "the header '\(name)' holds a control character")
    }
    return text
  }
}

extension KafkaHeader {
  init(_ name: String, _ text: String) { self.init(name: name, value: Array(text.utf8)) }

  static let specVersion = KafkaHeader("ce_specversion", "1.0")
  static let jsonContent = KafkaHeader("content-type", "application/json")
}

/// The rules for names and values of attributes. Source: CloudEvents 1.0.2, "Naming Conventions" and "Type System".
enum Attributes {
  /// Lower-case letters and digits only.
  static func isLegal(name: String) -> Bool {
    !name.isEmpty
      && name.utf8.allSatisfy { byte in
        UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
      }
  }

  /// No control characters, no noncharacters.
  static func isLegal(value: String) -> Bool {
    if value.utf8.allSatisfy({ 0x20...0x7E ~= $0 }) { return true }
    return value.unicodeScalars.allSatisfy { scalar in
      scalar.properties.generalCategory != .control && !scalar.properties.isNoncharacterCodePoint
    }
  }
}

/// A W3C trace context's `traceparent`, version 00: trace id, parent id and flags, in lower-case hexadecimal digits.
enum TraceParent {
  /// Looked at byte by byte, because every record that is read or written has one.
  static func isValid(_ text: String) -> Bool {
    guard text.utf8.count == 55 else { return false }
    var (hasTrace, hasParent) = (false, false)
    for (place, byte) in text.utf8.enumerated() {
      switch (place, byte) {
      case (0...1, UInt8(ascii: "0")), (2, UInt8(ascii: "-")), (35, UInt8(ascii: "-")), (52, UInt8(ascii: "-")):
        continue
      case (0...2, _), (35, _), (52, _): return false
      // An id of nothing but zeros is none.
      case (_, UInt8(ascii: "0")): continue
      case (_, UInt8(ascii: "1")...UInt8(ascii: "9")), (_, UInt8(ascii: "a")...UInt8(ascii: "f")):
        hasTrace = hasTrace || place < 35
        hasParent = hasParent || 36..<52 ~= place
      default: return false
      }
    }
    return hasTrace && hasParent
  }
}
