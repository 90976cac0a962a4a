import Values

/// `processors.telegram.tokenFile` → `MEDIATOR_PROCESSORS_TELEGRAM_TOKEN_FILE`.
func environmentName(_ path: String) -> String {
  var name = "MEDIATOR_"
  var previous: Character = "_"
  for character in path {
    if character.isLetter || character.isNumber {
      if character.isUppercase && (previous.isLowercase || previous.isNumber) { name += "_" }
      name += character.uppercased()
    } else {
      name += "_"
    }
    previous = character
  }
  return name
}

/// `5s`, `250ms`, `1.5m`, `2h`, `1d`, several of them in a row, or ISO 8601 (`PT5S`). Nil for anything else.
func parseDuration(_ text: String) -> Duration? {
  if text.hasPrefix("P") { return ISO8601Duration.parse(text) }
  var total = Duration.zero
  var rest = Substring(text)
  guard !rest.isEmpty else { return nil }
  while !rest.isEmpty {
    let digits = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
    rest = rest.dropFirst(digits.count)
    let unit = rest.prefix { $0.isLetter }
    rest = rest.dropFirst(unit.count)
    guard let milliseconds = unitMilliseconds[String(unit)], let amount = Double(digits), amount < 1e9 else {
      return nil
    }
    total += .microseconds((amount * milliseconds * 1000).rounded())
  }
  return total
}

private let unitMilliseconds: [String: Double] = ["ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]

/// The candidate that a mistyped word most likely stands for.
func nearest(_ word: String, among candidates: some Sequence<String>) -> String? {
  let letters = plain(word)
  let limit = max(1, min(3, letters.count / 3))
  return
    candidates
    .map { (distance: editDistance(letters, plain($0), limit: limit), word: $0) }
    .filter { $0.distance <= limit && $0.word != word }
    .min { ($0.distance, $0.word) < ($1.distance, $1.word) }?
    .word
}

/// Spelling differs most often in case and in what joins the words.
private func plain(_ word: String) -> [Character] {
  // Dots stay: they separate the levels.
  word.lowercased().filter { $0 != "_" && $0 != "-" }
}

/// Letters to insert, remove, replace or swap with their neighbour, or more than `limit`.
private func editDistance(_ left: [Character], _ right: [Character], limit: Int) -> Int {
  guard abs(left.count - right.count) <= limit else { return limit + 1 }
  var beforeLast: [Int] = []
  var last = Array(0...right.count)
  for (row, letter) in left.enumerated() {
    var current = [row + 1]
    for (column, other) in right.enumerated() {
      var cost = min(last[column] + (letter == other ? 0 : 1), last[column + 1] + 1, current[column] + 1)
      if row > 0, column > 0, letter == right[column - 1], left[row - 1] == other {
        cost = min(cost, beforeLast[column - 1] + 1)
      }
      current.append(cost)
    }
    (beforeLast, last) = (last, current)
  }
  return last[right.count]
}
