import CJQ

/// What one evaluation may use up. It depends on the expression and its data alone, never on the machine or its load:
/// the same evaluation ends in the same way wherever it is repeated.
///
/// A value's cost is one unit, and one more for every 16 bytes or element: about what libjq allocates for it. A
/// million units are some tens of megabytes and a fraction of a second.
struct JQBudget {
  static let maxUnits = 1_000_000
  static let maxStringBytes = 4 << 20
  static let maxDepth = 1_000
  static let maxIndex = 100_000.0
  static let maxCombinations = 1_000

  private(set) var spent = 0
  private(set) var exceeded: String?
  /// Set by `input`: the next value is measured as a whole.
  var measuresNext = false
  /// Chooses which values are measured without being asked, with a seed of its own so that it repeats.
  private var sample: UInt64 = 1

  /// Looks at a value that passes through `debug`; does not consume it.
  mutating func pass(_ value: jv) {
    guard exceeded == nil else { return }
    let kind = jv_get_kind(value)
    switch kind {
    case JV_KIND_STRING:
      let bytes = Int(jv_string_length_bytes(jv_copy(value)))
      if bytes > Self.maxStringBytes { exceeded = "a text became longer than \(Self.maxStringBytes) bytes" }
      spend(1 + bytes / 16)
    case JV_KIND_ARRAY, JV_KIND_OBJECT:
      // An object's length would have to be counted.
      spend(1 + (kind == JV_KIND_ARRAY ? Int(jv_array_length(jv_copy(value))) : 0))
      // A loop can wrap its value deeper at every turn: once in about 256 turns that is found out.
      sample = sample &* 6_364_136_223_846_793_005 &+ 1
      if measuresNext || sample >> 56 == 0 { measure(value, depth: 0) }
    default: spend(1)
    }
    measuresNext = false
  }

  private mutating func spend(_ units: Int) {
    spent += units
    if spent > Self.maxUnits && exceeded == nil { exceeded = "the expression needs too many steps" }
  }

  /// Counts every part of a value, as often as it occurs.
  private mutating func measure(_ value: jv, depth: Int) {
    guard depth <= Self.maxDepth else {
      exceeded = "a value became more than \(Self.maxDepth) levels deep"
      return
    }
    switch jv_get_kind(value) {
    case JV_KIND_ARRAY:
      let count = jv_array_length(jv_copy(value))
      for index in 0..<count where exceeded == nil {
        spend(1)
        let element = jv_array_get(jv_copy(value), index)
        defer { jv_free(element) }
        measure(element, depth: depth + 1)
      }
    case JV_KIND_OBJECT:
      var iterator = jv_object_iter(value)
      while jv_object_iter_valid(value, iterator) != 0 && exceeded == nil {
        spend(1)
        let member = jv_object_iter_value(value, iterator)
        defer { jv_free(member) }
        measure(member, depth: depth + 1)
        iterator = jv_object_iter_next(value, iterator)
      }
    case JV_KIND_STRING: spend(Int(jv_string_length_bytes(jv_copy(value))) / 16)
    default: break
    }
  }
}
