import Testing
import Toolchain
import Values

@testable import mediatorctl

@Suite struct TerminalTests {
  @Test(arguments: [
    ("", 0), ("abc", 3), ("è", 1), ("e\u{301}", 1), ("漢字", 4), ("한", 2), ("Ａ", 2), ("🙂", 2), ("👩‍👩‍👧", 2), ("❤️", 2),
    ("…", 1), ("│", 1), ("\u{200B}", 0),
  ])
  func knowsHowManyColumnsATextTakes(text: String, columns: Int) {
    #expect(TextWidth.of(text) == columns)
  }

  @Test func cutsAtColumnsAndSaysSo() {
    #expect(TextWidth.truncate("abcdef", to: 6) == "abcdef")
    #expect(TextWidth.truncate("abcdef", to: 4) == "abc…")
    #expect(TextWidth.truncate("漢字漢字", to: 4) == "漢…")
    #expect(TextWidth.truncate("abc", to: 0) == "")
  }

  @Test func showsControlCharactersInsteadOfObeyingThem() {
    #expect(TextWidth.plain("a\u{1B}[31m\nb\u{202E}c") == #"a\u{1B}[31m\nb\u{202E}c"#)
    #expect(TextWidth.plain("naïve 漢字 🙂") == "naïve 漢字 🙂")
  }

  @Test func alignsColumns() {
    let text = table().render(.plain(now: now))
    #expect(
      text == """
        NAME         COUNT  NOTE
        漢字             7  x
        a long name     12
        """)
  }

  @Test func shrinksTheWidestColumnThatMay() {
    var style = Style.plain(now: now)
    style.width = 20
    let lines = table().render(style).split(separator: "\n")
    #expect(lines == ["NAME     COUNT  NOTE", "漢字         7  x", "a long…     12"])
    style.width = 5
    // Below the minimum the terminal has to wrap.
    #expect(table().render(style).contains("a lo…"))
  }

  private func table() -> Table {
    var table = Table([
      .init(title: "NAME", minimum: 5), .init(title: "COUNT", alignment: .right), .init(title: "NOTE"),
    ])
    table.add([.init("漢字"), .init("7"), .init("x")])
    table.add([.init("a long name"), .init("12"), .init("")])
    return table
  }

  @Test func paintsOnlyWhereThatIsWanted() {
    var style = Style.plain(now: now)
    #expect(style.painted("x", .red) == "x")
    style.usesColour = true
    #expect(style.painted("x", .red) == "\u{1B}[31mx\u{1B}[0m")
    #expect(style.painted("x", nil) == "x")
  }

  // MARK: Times

  private let now = Timestamp(microseconds: 1_767_323_045_678_000)

  @Test(arguments: [
    (0, "now"), (-1, "1 s ago"), (-59, "59 s ago"), (-60, "1 min ago"), (-3_599, "59 min ago"), (-3_600, "1 h ago"),
    (-172_799, "47 h ago"), (-172_800, "2 d ago"), (5, "in 5 s"), (7_200, "in 2 h"),
  ])
  func tellsHowLongAgo(seconds: Int, text: String) {
    #expect(TimeText.relative(now + .seconds(seconds), to: now) == text)
  }

  @Test(arguments: [
    (0, "0 µs"), (999, "999 µs"), (1_000, "1 ms"), (999_999, "999 ms"), (1_000_000, "1.00 s"), (59_999_999, "59.99 s"),
    (60_000_000, "1 min 0 s"), (3_600_000_000, "1 h 0 min"), (86_400_000_000, "1 d 0 h"), (-5, "0 µs"),
  ])
  func tellsHowLong(microseconds: Int64, text: String) {
    #expect(TimeText.duration(.microseconds(microseconds)) == text)
  }

  @Test func givesTimesInFullWhereNobodyLooks() {
    let time = now - .seconds(120)
    var style = Style.plain(now: now)
    #expect(style.moment(time) == "2026-01-02T03:02:05.678Z")
    #expect(style.shortMoment(time) == "2026-01-02T03:02:05.678Z")
    #expect(style.timeOfDay(time, on: now) == "2026-01-02T03:02:05.678Z")
    style.isTerminal = true
    #expect(style.moment(time) == "2026-01-02T03:02:05.678Z (2 min ago)")
    #expect(style.shortMoment(time) == "03:02:05Z (2 min ago)")
    #expect(style.shortMoment(time - .seconds(86_400)) == "2026-01-01T03:02:05Z (24 h ago)")
    #expect(style.timeOfDay(time, on: now) == "03:02:05.678Z")
    #expect(style.timeOfDay(time - .seconds(86_400), on: now) == "2026-01-01T03:02:05.678Z")
  }
}
