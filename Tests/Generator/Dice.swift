/// Repeatable random choices (SplitMix64).
package struct Dice: RandomNumberGenerator {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// From zero up to and without the bound.
  package mutating func roll(_ bound: Int) -> Int { Int(next() % UInt64(max(bound, 1))) }

  /// True so many times in a hundred.
  package mutating func chance(_ percent: Int) -> Bool { roll(100) < percent }

  package mutating func pick<Element>(_ elements: [Element]) -> Element { elements[roll(elements.count)] }
}
