/// A text that is equal to another only byte by byte, as names in JSON are; Swift's `==` is content with canonical
/// equivalence.
struct Name: Hashable, Sendable {
  let text: String

  init(_ text: String) { self.text = text }

  static func == (left: Name, right: Name) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }
  /// Equal bytes are canonically equivalent too, so their hashes agree.
  func hash(into hasher: inout Hasher) { hasher.combine(text) }
}
