import Testing

@testable import Processors

struct TelegramTextTests {
  @Test func aShortTextIsOnePart() {
    #expect(TelegramText.parts("hello") == ["hello"])
    #expect(TelegramText.parts(String(repeating: "a", count: 4096)) == [String(repeating: "a", count: 4096)])
  }

  @Test func aBlankTextHasNoParts() {
    #expect(TelegramText.parts("") == [])
    #expect(TelegramText.parts(" \n\t ") == [])
  }

  @Test func linesStayWhole() {
    #expect(TelegramText.parts("one two\nthree\nfour", limit: 14) == ["one two\nthree", "four"])
    #expect(TelegramText.parts("one two\nthree\nfour", limit: 13) == ["one two\nthree", "four"])
    #expect(TelegramText.parts("one two\nthree\nfour", limit: 12) == ["one two", "three\nfour"])
  }

  @Test func elseWordsStayWhole() {
    #expect(TelegramText.parts("one two three", limit: 9) == ["one two", "three"])
    #expect(TelegramText.parts("one two three", limit: 7) == ["one two", "three"])
  }

  @Test func elseCharactersStayWhole() {
    #expect(TelegramText.parts("abcdefgh", limit: 3) == ["abc", "def", "gh"])
    // Each flag is four UTF-16 units.
    #expect(TelegramText.parts("🇩🇪🇫🇷🇯🇵", limit: 9) == ["🇩🇪🇫🇷", "🇯🇵"])
    #expect(TelegramText.parts("🇩🇪🇫🇷🇯🇵", limit: 7) == ["🇩🇪", "🇫🇷", "🇯🇵"])
  }

  @Test func elseScalarsStayWhole() {
    let tower = "e" + String(repeating: "\u{301}", count: 10)
    let parts = TelegramText.parts(tower, limit: 4)
    #expect(parts.allSatisfy { $0.utf16.count <= 4 })
    #expect(parts.joined() == tower)
  }

  @Test func nothingButWhiteSpaceIsLost() {
    let words = ["mühle", "👩‍👩‍👧‍👦", "stands", "still", "\n", "naïve", "x"]
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      let text = (0..<Int.random(in: 1...60)).map { _ in words.randomElement(using: &generator) ?? "" }
        .joined(separator: " ")
      let limit = Int.random(in: 2...40)
      let parts = TelegramText.parts(text, limit: limit)
      #expect(parts.allSatisfy { $0.utf16.count <= limit })
      #expect(parts.allSatisfy { part in part.contains { !$0.isWhitespace } })
      let visible = { (text: String) in text.unicodeScalars.filter { !$0.properties.isWhitespace }.map(\.value) }
      #expect(visible(parts.joined()) == visible(text))
    }
  }
}
