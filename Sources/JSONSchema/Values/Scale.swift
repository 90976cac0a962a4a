/// The power of ten of an ``ExactNumber``: an `Int`, or beyond 2⁶⁰ the digits of a whole number, which JSON allows.
struct Scale: Sendable, Hashable, Comparable {
  /// Stands at ±2⁶¹ where ``far`` says more.
  var near = 0
  /// The magnitude's digits; empty where `near` is everything.
  private var far: [UInt8] = []

  var isFar: Bool { !far.isEmpty }

  private static let bound = 1 << 60

  /// - Parameter exponent: a sign or none, and digits. Called once.
  mutating func add(_ exponent: Substring) {
    if let value = Int(exponent), value.magnitude < Self.bound {
      near += value
      return
    }
    let isNegative = exponent.utf8.first == UInt8(ascii: "-")
    let digits = exponent.utf8.filter { $0 >= UInt8(ascii: "0") }.map { $0 - UInt8(ascii: "0") }
    far = Self.sum(Array(digits.drop { $0 == 0 }), isNegative ? -near : near)
    near = isNegative ? -2 * Self.bound : 2 * Self.bound
  }

  /// - Parameter amount: smaller than the number in its magnitude.
  private static func sum(_ digits: [UInt8], _ amount: Int) -> [UInt8] {
    var digits = digits
    var carry = amount
    for place in digits.indices.reversed() where carry != 0 {
      let value = Int(digits[place]) + carry
      let digit = (value % 10 + 10) % 10
      digits[place] = UInt8(digit)
      carry = (value - digit) / 10
    }
    while carry > 0 {
      digits.insert(UInt8(carry % 10), at: 0)
      carry /= 10
    }
    return Array(digits.drop { $0 == 0 })
  }

  static func < (left: Scale, right: Scale) -> Bool {
    if left.near != right.near { return left.near < right.near }
    let (smaller, larger) = left.near < 0 ? (right.far, left.far) : (left.far, right.far)
    if smaller.count != larger.count { return smaller.count < larger.count }
    return smaller.lexicographicallyPrecedes(larger)
  }
}
