import Values

/// Repeatable random values (SplitMix64).
struct Generator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  mutating func next(upTo bound: UInt64) -> UInt64 { next() % max(bound, 1) }

  mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[Int(next(upTo: UInt64(elements.count)))]
  }

  mutating func json(depth: Int) -> JSON {
    switch next(upTo: depth > 0 ? 9 : 6) {
    case 0: return .null
    case 1: return .bool(next(upTo: 2) == 0)
    case 2: return .number(JSONNumber(Int(truncatingIfNeeded: next() >> next(upTo: 64))))
    case 3: return .number(JSONNumber(text: number()) ?? JSONNumber(0))
    case 4, 5: return .string(string())
    case 6, 7:
      var object = JSONObject()
      for _ in 0..<next(upTo: pick([3, 8, 40])) { object[string()] = json(depth: depth - 1) }
      return .object(object)
    default: return .array((0..<next(upTo: 6)).map { _ in json(depth: depth - 1) })
    }
  }

  private mutating func number() -> String {
    let sign = pick(["", "-"])
    let whole = pick(["0", "7", "10", "18446744073709551616", "123456789012345678901234567890"])
    let fraction = pick(["", ".0", ".5", ".000000000000000000001"])
    let exponent = pick(["", "e0", "E5", "e-7", "e+400", "e99999999999"])
    return sign + whole + fraction + exponent
  }

  private mutating func string() -> String {
    var scalars = String.UnicodeScalarView()
    for _ in 0..<next(upTo: pick([2, 12, 60])) {
      let bound: UInt64 = pick([0x20, 0x80, 0x80, 0x80, 0x800, 0x10000, 0x110000])
      if let scalar = Unicode.Scalar(UInt32(next(upTo: bound))) { scalars.append(scalar) }
    }
    return String(scalars)
  }
}
