import Values

/// An object of `with` being read: what is wrong is told with its place. A member that is null counts as absent, for an
/// expression that finds nothing gives null.
struct Members {
  private let object: JSONObject
  /// `with.endpoint`.
  let place: String

  /// - Parameter known: every other member is refused; nil: any name will do.
  init(_ value: JSON, _ place: String, known: [String]?) throws(HTTPCallError) {
    guard case .object(let object) = value else { throw .invalid("\(place) must be an object") }
    self.object = object
    self.place = place
    guard let known else { return }
    for key in object.keys where !known.contains(key) {
      throw .invalid("\(place) has no member '\(key)'\(suggestion(for: key, among: known))")
    }
  }

  subscript(key: String) -> JSON? {
    guard let value = object[key], !value.isNull else { return nil }
    return value
  }

  func required(_ key: String) throws(HTTPCallError) -> JSON {
    guard let value = self[key] else { throw .invalid("\(place).\(key) is missing") }
    return value
  }

  /// Numbers and booleans are taken for their text: `password: 1234` is a text to whoever writes it.
  func text(_ key: String) throws(HTTPCallError) -> String? {
    guard let value = self[key] else { return nil }
    guard let text = value.scalarText else { throw .invalid("\(place).\(key) must be a text") }
    return text
  }

  func requiredText(_ key: String) throws(HTTPCallError) -> String {
    _ = try required(key)
    return try text(key) ?? ""
  }

  func bool(_ key: String) throws(HTTPCallError) -> Bool {
    guard let value = self[key] else { return false }
    guard let bool = value.bool else { throw .invalid("\(place).\(key) must be true or false") }
    return bool
  }

  func object(_ key: String) throws(HTTPCallError) -> JSONObject {
    guard let value = self[key] else { return JSONObject() }
    guard let object = value.object else { throw .invalid("\(place).\(key) must be an object") }
    return object
  }

  func texts(_ key: String) throws(HTTPCallError) -> [String] {
    guard let value = self[key] else { return [] }
    let texts = value.array?.map(\.string)
    guard let texts, !texts.contains(nil) else { throw .invalid("\(place).\(key) must be a list of texts") }
    return texts.compactMap { $0 }
  }

  /// One of the cases, by raw value.
  func choice<Choice: CaseIterable & RawRepresentable<String>>(
    _ key: String, default value: Choice
  ) throws(HTTPCallError) -> Choice {
    guard let text = try text(key) else { return value }
    guard let choice = Choice(rawValue: text) else {
      let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw .invalid("\(place).\(key) is '\(text)'; known are \(known)")
    }
    return choice
  }
}

extension JSON {
  /// A string, number or boolean as it goes into a header, a query or a path.
  var scalarText: String? {
    switch self {
    case .string(let text): text
    case .number(let number): number.text
    case .bool(let value): value ? "true" : "false"
    case .null, .array, .object: nil
    }
  }
}

/// `; did you mean 'x'?`, or nothing where no candidate is near.
func suggestion(for word: String, among candidates: some Sequence<String>) -> String {
  let limit = max(1, word.count / 3)
  var best: (candidate: String, distance: Int)?
  for candidate in candidates {
    let distance = editDistance(Array(word.lowercased()), Array(candidate.lowercased()))
    if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
  }
  return best.map { "; did you mean '\($0.candidate)'?" } ?? ""
}

/// Characters to insert, remove or replace (Levenshtein).
private func editDistance(_ left: [Character], _ right: [Character]) -> Int {
  var row = Array(0...right.count)
  for (place, character) in left.enumerated() {
    var diagonal = row[0]
    row[0] = place + 1
    for (other, candidate) in right.enumerated() {
      let replaced = diagonal + (character == candidate ? 0 : 1)
      diagonal = row[other + 1]
      row[other + 1] = min(replaced, diagonal + 1, row[other] + 1)
    }
  }
  return row[right.count]
}
