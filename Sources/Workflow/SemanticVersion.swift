/// A version as semver.org 2.0.0 defines it. Where precedence leaves two versions equal (they differ in build metadata
/// only), their texts decide, so that the order is total.
public struct SemanticVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
  public let description: String
  private let core: [Substring]
  private let prerelease: [Substring]

  /// `nil` unless the text is a complete version: three numbers without leading zeros, then optionally `-` and `+`.
  public init?(_ text: String) {
    var rest = Substring(text)
    var build: Substring?
    if let plus = rest.firstIndex(of: "+") {
      build = rest[rest.index(after: plus)...]
      rest = rest[..<plus]
    }
    var suffix: Substring?
    if let dash = rest.firstIndex(of: "-") {
      suffix = rest[rest.index(after: dash)...]
      rest = rest[..<dash]
    }
    let core = rest.split(separator: ".", omittingEmptySubsequences: false)
    guard core.count == 3, core.allSatisfy(Self.isPlainNumber) else { return nil }
    let prerelease = suffix?.split(separator: ".", omittingEmptySubsequences: false) ?? []
    guard prerelease.allSatisfy({ Self.isIdentifier($0) && (!Self.isNumeric($0) || Self.isPlainNumber($0)) }) else {
      return nil
    }
    if let build {
      guard build.split(separator: ".", omittingEmptySubsequences: false).allSatisfy(Self.isIdentifier) else {
        return nil
      }
    }
    description = text
    self.core = core
    self.prerelease = prerelease
  }

  public static func < (left: Self, right: Self) -> Bool {
    let order = left.precedence(over: right)
    return order == 0 ? left.description.utf8.lexicographicallyPrecedes(right.description.utf8) : order < 0
  }
  public static func == (left: Self, right: Self) -> Bool { left.description == right.description }
  public func hash(into hasher: inout Hasher) { hasher.combine(description) }

  /// Negative when this version comes before the other, zero when neither does.
  private func precedence(over other: Self) -> Int {
    for (mine, theirs) in zip(core, other.core) {
      let order = Self.compareNumbers(mine, theirs)
      if order != 0 { return order }
    }
    // A version with a pre-release comes before the same version without one.
    if prerelease.isEmpty || other.prerelease.isEmpty {
      return (prerelease.isEmpty ? 1 : 0) - (other.prerelease.isEmpty ? 1 : 0)
    }
    for (mine, theirs) in zip(prerelease, other.prerelease) {
      let order = Self.compareIdentifiers(mine, theirs)
      if order != 0 { return order }
    }
    return prerelease.count - other.prerelease.count
  }

  private static func compareIdentifiers(_ left: Substring, _ right: Substring) -> Int {
    switch (isNumeric(left), isNumeric(right)) {
    case (true, true): compareNumbers(left, right)
    case (true, false): -1
    case (false, true): 1
    case (false, false): left == right ? 0 : (left.utf8.lexicographicallyPrecedes(right.utf8) ? -1 : 1)
    }
  }

  /// By length first, so that no number is too large.
  private static func compareNumbers(_ left: Substring, _ right: Substring) -> Int {
    let difference = left.utf8.count - right.utf8.count
    if difference != 0 { return difference }
    return left == right ? 0 : (left.utf8.lexicographicallyPrecedes(right.utf8) ? -1 : 1)
  }

  private static func isNumeric(_ text: Substring) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
  }

  private static func isPlainNumber(_ text: Substring) -> Bool {
    isNumeric(text) && (text == "0" || text.utf8.first != 0x30)
  }

  private static func isIdentifier(_ text: Substring) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D
      }
  }
}
