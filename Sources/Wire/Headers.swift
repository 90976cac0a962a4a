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

/// A W3C trace context's `traceparent`, version 00.
enum TraceParent {
  static func isValid(_ text: String) -> Bool {
    let fields = text.split(separator: "-", omittingEmptySubsequences: false)
    guard fields.count == 4, fields[0] == "00", fields.map(\.utf8.count) == [2, 32, 16, 2] else { return false }
    let isHexadecimal = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "-"): true
      default: false
      }
    }
    return isHexadecimal && !fields[1].allSatisfy { $0 == "0" } && !fields[2].allSatisfy { $0 == "0" }
  }
}
