import Values

/// A number as 0.d₁d₂… × 10ˢ, whatever its size: comparing two costs no more than reading them, since an exponent is
/// never written out.
struct ExactNumber: Sendable, Hashable, Comparable {
  private(set) var isNegative = false
  /// Without a zero at either end; empty is zero.
  private(set) var digits: [UInt8] = []
  private(set) var scale = Scale()

  init(_ number: JSONNumber) {
    var isAfterPoint = false
    var exponent: Substring?
    for (place, byte) in number.text.utf8.enumerated() {
      switch byte {
      case UInt8(ascii: "-"): isNegative = true
      case UInt8(ascii: "."): isAfterPoint = true
      case UInt8(ascii: "e"), UInt8(ascii: "E"): exponent = number.text.dropFirst(place + 1)
      default: append(byte - UInt8(ascii: "0"), isAfterPoint: isAfterPoint)
      }
      if exponent != nil { break }
    }
    while digits.last == 0 { digits.removeLast() }
    if digits.isEmpty {
      isNegative = false
      scale = Scale()
    } else if let exponent {
      scale.add(exponent)
    }
  }

  private mutating func append(_ digit: UInt8, isAfterPoint: Bool) {
    if digit == 0 && digits.isEmpty {
      if isAfterPoint { scale.near -= 1 }
    } else {
      digits.append(digit)
      if !isAfterPoint { scale.near += 1 }
    }
  }

  /// `1.0` is ("Validation", section 6.1.1).
  var isWhole: Bool { digits.isEmpty || scale.near >= digits.count }
  var isPositive: Bool { !digits.isEmpty && !isNegative }

  static func < (left: ExactNumber, right: ExactNumber) -> Bool {
    if left.sign != right.sign { return left.sign < right.sign }
    return left.isNegative ? right.isSmaller(than: left) : left.isSmaller(than: right)
  }

  private var sign: Int { digits.isEmpty ? 0 : (isNegative ? -1 : 1) }

  /// Compares without the signs.
  private func isSmaller(than other: ExactNumber) -> Bool {
    scale == other.scale ? digits.lexicographicallyPrecedes(other.digits) : scale < other.scale
  }
}

// MARK: - multipleOf

extension ExactNumber {
  /// What ``isMultiple(of:)`` has to do, in digits times digits.
  func effort(dividingBy divisor: ExactNumber) -> Int {
    (digits.count + 4 * divisor.digits.count) * divisor.digits.count
  }

  /// - Parameter divisor: positive, and not ``isFar``.
  func isMultiple(of divisor: ExactNumber) -> Bool {
    guard !digits.isEmpty else { return true }
    // Both as whole numbers times powers of ten; what is left over is a power of ten on this side.
    let power = (scale.near - digits.count) - (divisor.scale.near - divisor.digits.count)
    // The last digit is no zero, so that a divisor with a factor of ten more cannot divide this.
    guard power >= 0 else { return false }
    // Powers of ten take twos and fives away from the divisor, which has fewer than four of each for a digit.
    let zeros = min(power, 4 * divisor.digits.count)
    return Remainder.isZero(digits + [UInt8](repeating: 0, count: zeros), dividedBy: divisor.digits)
  }

  /// Whether the exponent is beyond 2⁶⁰.
  var isFar: Bool { scale.isFar }
}

/// Long division that keeps the rest only.
private enum Remainder {
  private static let base: UInt64 = 1_000_000_000

  static func isZero(_ digits: [UInt8], dividedBy divisor: [UInt8]) -> Bool {
    if divisor.count <= 17 {
      let divisor = divisor.reduce(UInt64(0)) { $0 * 10 + UInt64($1) }
      return digits.reduce(UInt64(0)) { ($0 * 10 + UInt64($1)) % divisor } == 0
    }
    let divisor = limbs(divisor)
    // One limb more: ten times the rest is larger than the divisor.
    var rest = [UInt64](repeating: 0, count: divisor.count + 1)
    for digit in digits {
      var carry = UInt64(digit)
      for place in rest.indices {
        (carry, rest[place]) = (rest[place] * 10 + carry).quotientAndRemainder(dividingBy: base)
      }
      while isAtLeast(rest, divisor) { subtract(divisor, from: &rest) }
    }
    return rest.allSatisfy { $0 == 0 }
  }

  /// Nine digits each, the lowest first.
  private static func limbs(_ digits: [UInt8]) -> [UInt64] {
    stride(from: digits.count, to: 0, by: -9).map { end in
      digits[max(end - 9, 0)..<end].reduce(0) { $0 * 10 + UInt64($1) }
    }
  }

  private static func isAtLeast(_ rest: [UInt64], _ divisor: [UInt64]) -> Bool {
    if rest[divisor.count] > 0 { return true }
    for place in divisor.indices.reversed() where rest[place] != divisor[place] { return rest[place] > divisor[place] }
    return true
  }

  private static func subtract(_ divisor: [UInt64], from rest: inout [UInt64]) {
    var borrow: UInt64 = 0
    for place in rest.indices {
      let part = (place < divisor.count ? divisor[place] : 0) + borrow
      borrow = rest[place] < part ? 1 : 0
      rest[place] = rest[place] + borrow * base - part
    }
  }
}
