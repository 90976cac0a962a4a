import CJQ
import Values

/// Between `JSON` and libjq's values. libjq knows doubles only: a number that a double cannot hold is remembered on the
/// way in, and refused where its rounded value would come out.
struct JQConversion {
  static let maxNodes = 1_000_000

  private var rounded: Set<UInt64> = []
  private var nodes = 0

  mutating func jq(_ value: JSON) -> jv {
    switch value {
    case .null: return jv_null()
    case .bool(let flag): return jv_bool(flag ? 1 : 0)
    case .number(let number):
      let double = number.double
      if !number.isExactDouble { rounded.insert(double.bitPattern) }
      return jv_number(double)
    case .string(let text): return Self.string(text)
    case .array(let items):
      var array = jv_array_sized(Int32(items.count))
      for item in items { array = jv_array_append(array, jq(item)) }
      return array
    case .object(let members):
      var object = jv_object()
      for (key, value) in members { object = jv_object_set(object, Self.string(key), jq(value)) }
      return object
    }
  }

  /// Consumes the value.
  mutating func json(_ value: jv) throws(ExpressionError) -> JSON {
    defer { jv_free(value) }
    nodes = 0
    return try convert(value, depth: 0)
  }

  private mutating func convert(_ value: jv, depth: Int) throws(ExpressionError) -> JSON {
    nodes += 1
    guard nodes <= Self.maxNodes, depth <= JSONLimits.default.maxDepth else {
      throw ExpressionError(code: .limit, message: "the expression's value is too large")
    }
    switch jv_get_kind(value) {
    case JV_KIND_FALSE: return false
    case JV_KIND_TRUE: return true
    case JV_KIND_NUMBER: return try number(jv_number_value(value))
    case JV_KIND_STRING: return .string(try string(jv_copy(value)))
    case JV_KIND_ARRAY: return try array(value, depth: depth)
    case JV_KIND_OBJECT: return try object(value, depth: depth)
    default: return nil
    }
  }

  private func number(_ double: Double) throws(ExpressionError) -> JSON {
    if rounded.contains(double.bitPattern) { throw Self.inexact(JSONNumber(double).text) }
    // As jq prints it: not a number is null.
    return double.isNaN ? nil : .number(JSONNumber(double))
  }

  /// Consumes the value.
  private func string(_ value: jv) throws(ExpressionError) -> String {
    let text = Self.text(value)
    for bits in rounded {
      // A text may have the number inside, as jq writes it.
      let digits = Self.text(jv_dump_string(jv_number(Double(bitPattern: bits)), 0))
      if text.contains(digits) { throw Self.inexact(digits) }
    }
    return text
  }

  private mutating func array(_ value: jv, depth: Int) throws(ExpressionError) -> JSON {
    let count = jv_array_length(jv_copy(value))
    var items: [JSON] = []
    items.reserveCapacity(Int(count))
    for index in 0..<count {
      let item = jv_array_get(jv_copy(value), index)
      defer { jv_free(item) }
      items.append(try convert(item, depth: depth + 1))
    }
    return .array(items)
  }

  private mutating func object(_ value: jv, depth: Int) throws(ExpressionError) -> JSON {
    var object = JSONObject()
    var iterator = jv_object_iter(value)
    while jv_object_iter_valid(value, iterator) != 0 {
      let member = jv_object_iter_value(value, iterator)
      defer { jv_free(member) }
      object[try string(jv_object_iter_key(value, iterator))] = try convert(member, depth: depth + 1)
      iterator = jv_object_iter_next(value, iterator)
    }
    return .object(object)
  }

  private static func inexact(_ text: String) -> ExpressionError {
    ExpressionError(
      code: .inexactNumber,
      message: "a number that does not fit into a double would have been changed to \(text); take it over by a plain"
        + " path such as .id, or send it as text")
  }

  private static func string(_ text: String) -> jv {
    var text = text
    return text.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { jv_string_sized($0.baseAddress, Int32($0.count)) }
    }
  }

  /// Consumes the value; empty when it is no string.
  static func text(_ value: jv) -> String {
    defer { jv_free(value) }
    guard jv_get_kind(value) == JV_KIND_STRING else { return "" }
    let count = Int(jv_string_length_bytes(jv_copy(value)))
    return jv_string_value(value).withMemoryRebound(to: UInt8.self, capacity: count) {
      String(decoding: UnsafeBufferPointer(start: $0, count: count), as: UTF8.self)
    }
  }

  /// The text of an error that an expression raised, which may be any value. Does not consume it.
  static func message(_ value: jv) -> String {
    if jv_get_kind(value) == JV_KIND_STRING { return text(jv_copy(value)) }
    // Only the kind: a value could be of any size.
    return "the expression raised an error that is \(String(cString: jv_kind_name(jv_get_kind(value))))"
  }
}
