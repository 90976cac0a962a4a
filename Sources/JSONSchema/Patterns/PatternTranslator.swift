/// Writes a regular expression of ECMA-262 in the syntax of libonig.
///
/// Everything that both read differently is spelt out: classes as ranges of code points, `^` and `$` as the ends of the
/// text, characters other than letters and digits by their number, named groups by theirs.
struct PatternTranslator {
  private(set) var isAnchored = false

  var scanner: PatternScanner
  private let groups: PatternGroups
  private var output = ""
  /// For each open group, whether it may be repeated: what looks ahead or behind may not.
  private var open: [Bool] = []
  /// Whether a quantifier may follow.
  private var isRepeatable = false

  private static let deepest = 200
  /// Matches nowhere, and may be repeated.
  private static let nothing = "(?:(?!))"
  private static let quantifiers: Set<Unicode.Scalar> = ["*", "+", "?"]

  init(_ source: String) {
    scanner = PatternScanner(source)
    groups = PatternGroups(source)
  }

  mutating func translate() throws(PatternError) -> String {
    try groups.check()
    while let scalar = scanner.next() { try term(scalar) }
    guard open.isEmpty else { throw PatternError("opens a group with '(' that nothing closes") }
    return output
  }

  private mutating func term(_ scalar: Unicode.Scalar) throws(PatternError) {
    switch scalar {
    case "^":
      if output.isEmpty { isAnchored = true }
      emit("\\A", isRepeatable: false)
    case "$": emit("\\z", isRepeatable: false)
    case "|":
      if open.isEmpty { isAnchored = false }
      emit("|", isRepeatable: false)
    case ".": emit(CodePoints.lineEnds.complement.onigClass)
    case "(": try openGroup()
    case ")":
      guard let isRepeatable = open.popLast() else { throw PatternError("closes a group with ')' that nothing opens") }
      emit(")", isRepeatable: isRepeatable)
    case "[": emit(try characterClass())
    case "\\": try escape()
    case "{":
      if let quantifier = scanner.takeInterval() { try repeatLast(quantifier) } else { emit(literal: scalar) }
    default:
      if Self.quantifiers.contains(scalar) { try repeatLast(.simple(scalar)) } else { emit(literal: scalar) }
    }
  }

  private mutating func emit(_ text: String, isRepeatable: Bool = true) {
    output += text
    self.isRepeatable = isRepeatable
  }

  private mutating func emit(literal scalar: Unicode.Scalar) { emit(CodePoints.onigText(scalar.value)) }

  private mutating func openGroup() throws(PatternError) {
    guard open.count < Self.deepest else { throw PatternError("is nested too deeply") }
    guard scanner.take("?") else {
      open.append(true)
      return emit("(", isRepeatable: false)
    }
    for form in ["?:", "?=", "?!", "?<=", "?<!"] where scanner.take(String(form.dropFirst())) {
      open.append(form == "?:")
      return emit("(" + form, isRepeatable: false)
    }
    guard scanner.take("<") else {
      throw PatternError(
        "has a group of an unknown kind; there are (…), (?:…), (?<name>…), (?=…), (?!…), (?<=…), (?<!…)")
    }
    // Groups have numbers only: with names, libonig would not capture those that have none.
    _ = scanner.takeName()
    open.append(true)
    emit("(", isRepeatable: false)
  }

  // MARK: - Repetition

  private mutating func repeatLast(_ quantifier: PatternScanner.Quantifier) throws(PatternError) {
    guard isRepeatable else { throw PatternError("has '\(quantifier.text)' where there is nothing to repeat") }
    if case .interval(let least, let most?) = quantifier, least.isLarger(than: most) {
      throw PatternError("has '\(quantifier.text)', where the first number is the larger one")
    }
    output += quantifier.text
    let isLazy = scanner.take("?")
    // Of a fixed number of times there is nothing to be lazy about, and libonig takes `{2}?` for something else.
    if isLazy && !quantifier.isFixed { output += "?" }
    isRepeatable = false
  }

  // MARK: - Escapes

  private mutating func escape() throws(PatternError) {
    if scanner.take("b") { return emit("\\b", isRepeatable: false) }
    if scanner.take("B") { return emit("\\B", isRepeatable: false) }
    if scanner.take("k") {
      guard scanner.take("<"), let name = scanner.takeName(), let number = groups.numbers[Name(name)] else {
        throw PatternError("has '\\k' without the <name> of one of its groups")
      }
      return emit(backTo: number)
    }
    if let number = scanner.takeGroupNumber() {
      guard let number = Int(number), number <= groups.count else {
        throw PatternError("refers to group \(number), of which it has \(groups.count)")
      }
      return emit(backTo: number)
    }
    switch try scanner.takeEscape(inClass: false) {
    case .codePoint(let value):
      // Half a surrogate pair, which no text holds.
      emit(Unicode.Scalar(value) == nil ? Self.nothing : CodePoints.onigText(value))
    case .set(let set): emit(set.onigClass)
    case .property(let text): emit(text)
    }
  }

  /// What a group that has captured nothing stands for is the empty text, where libonig would find no match.
  private mutating func emit(backTo number: Int) { emit("(?:(?(\(number))\\k<\(number)>))") }

  // MARK: - Classes

  private mutating func characterClass() throws(PatternError) -> String {
    let isNegated = scanner.take("^")
    var set = CodePoints()
    var properties = ""
    while !scanner.take("]") {
      let first = try classAtom()
      guard case .codePoint(let lower) = first, scanner.isRange else {
        if case .property(let text) = first { properties += text }
        set.insert(first)
        continue
      }
      _ = scanner.take("-")
      let last = try classAtom()
      if case .codePoint(let upper) = last {
        guard lower <= upper else { throw PatternError("has a range in '[…]' that ends before it begins") }
        set.insert(lower...upper)
      } else {
        if case .property(let text) = last { properties += text }
        set.insert(first)
        set.insert(.codePoint(UInt32(UInt8(ascii: "-"))))
        set.insert(last)
      }
    }
    let members = set.onigRanges + properties
    if members.isEmpty { return isNegated ? CodePoints.all.onigClass : Self.nothing }
    return (isNegated ? "[^" : "[") + members + "]"
  }

  private mutating func classAtom() throws(PatternError) -> PatternAtom {
    guard let scalar = scanner.next() else { throw PatternError("opens a class with '[' that nothing closes") }
    return scalar == "\\" ? try scanner.takeEscape(inClass: true) : .codePoint(scalar.value)
  }
}

/// What an escape stands for.
enum PatternAtom {
  case codePoint(UInt32)
  case set(CodePoints)
  /// In libonig's syntax.
  case property(String)
}
