/// Standard time and, in part of every year, summer time: `CET-1CEST,M3.5.0,M10.5.0/3` (POSIX, section 8.3, variable TZ,
/// with the hours from -167 to 167 of RFC 9636, section 3.3.1). The end of a TZif file describes the future so.
struct PosixTimeZone: Sendable, Hashable {
  private let standard: Int64
  private let summer: Summer?

  private struct Summer: Sendable, Hashable {
    let offset: Int64
    let start: YearlyMoment
    let end: YearlyMoment
  }

  /// `nil` for what is no such text, and for summer time without its rules.
  init?(_ text: some Collection<UInt8>) {
    var reader = PosixTimeZoneReader(text)
    guard reader.skipName(), let standard = reader.offset() else { return nil }
    self.standard = standard
    guard !reader.isAtEnd else {
      summer = nil
      return
    }
    guard reader.skipName() else { return nil }
    var offset = standard + 3_600
    if !reader.isNext(UInt8(ascii: ",")) {
      guard let value = reader.offset() else { return nil }
      offset = value
    }
    guard let start = reader.rule(), let end = reader.rule(), reader.isAtEnd else { return nil }
    summer = Summer(offset: offset, start: start, end: end)
  }

  func period(at time: Int64) -> TimeZoneRules.Period {
    guard let summer else {
      return .init(start: TimeZoneRules.beginning, end: TimeZoneRules.end, offset: standard)
    }
    // Only years that Timestamp knows are asked for, and their neighbours.
    let nameable = min(max(time, Timestamp.earliest.wholeSeconds), Timestamp.latest.wholeSeconds)
    let year = Int(civil(daysSince1970: floorDivide(nameable, by: 86_400).0).year)
    var current = TimeZoneRules.Transition(time: TimeZoneRules.beginning, offset: standard)
    for next in transitions(of: year - 2...year + 2, summer) {
      if next.time > time { return .init(start: current.time, end: next.time, offset: current.offset) }
      current = next
    }
    return .init(start: current.time, end: TimeZoneRules.end, offset: current.offset)
  }

  /// In order. Where summer time ends when the next one begins, as in a zone that has it all year, it goes on.
  private func transitions(of years: ClosedRange<Int>, _ summer: Summer) -> [TimeZoneRules.Transition] {
    let starts = years.map { summer.start.seconds(in: $0) - standard }
    let ends = years.map { summer.end.seconds(in: $0) - summer.offset }
    let all =
      starts.map { TimeZoneRules.Transition(time: $0, offset: summer.offset) }
      + ends.filter { !starts.contains($0) }.map { TimeZoneRules.Transition(time: $0, offset: standard) }
    return all.sorted { $0.time < $1.time }
  }
}

/// A day of the year and a time of that day.
struct YearlyMoment: Sendable, Hashable {
  enum Day: Sendable, Hashable {
    /// `J60` is the first of March in every year.
    case ofYearWithoutLeapDay(Int)
    /// `59` is the 29th of February or the first of March.
    case ofYearFromZero(Int)
    /// `M3.5.0`: a weekday from Sunday as 0; the fifth week stands for the last.
    case ofMonth(Int, week: Int, weekday: Int)
  }

  let day: Day
  /// Seconds after midnight, or before it.
  let time: Int64

  /// Local seconds since 1970.
  func seconds(in year: Int) -> Int64 { Int64(daysSince1970(in: year)) * 86_400 + time }

  private func daysSince1970(in year: Int) -> Int {
    let newYear = Values.daysSince1970(year, 1, 1)
    switch day {
    case .ofYearFromZero(let day): return newYear + day
    case .ofYearWithoutLeapDay(let day):
      return newYear + day - (day >= 60 && daysIn(month: 2, year: year) == 29 ? 0 : 1)
    case .ofMonth(let month, let week, let weekday):
      let first = Values.daysSince1970(year, month, 1)
      let day = (weekday - dayOfWeek(daysSince1970: first) + 7) % 7 + (week - 1) * 7
      return first + (day < daysIn(month: month, year: year) ? day : day - 7)
    }
  }
}

private struct PosixTimeZoneReader {
  private var rest: ArraySlice<UInt8>

  init(_ text: some Collection<UInt8>) { rest = Array(text)[...] }

  var isAtEnd: Bool { rest.isEmpty }
  func isNext(_ byte: UInt8) -> Bool { rest.first == byte }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard rest.first == byte else { return false }
    rest.removeFirst()
    return true
  }

  /// `CET`, `<+03>`; nobody needs it.
  mutating func skipName() -> Bool {
    if take(UInt8(ascii: "<")) {
      guard let end = rest.firstIndex(of: UInt8(ascii: ">")) else { return false }
      rest = rest[(end + 1)...]
      return true
    }
    let name = rest.prefix { 0x41...0x5A ~= $0 & 0xDF }
    rest = rest[name.endIndex...]
    return name.count >= 3
  }

  /// Seconds east of UTC; the text counts westwards.
  mutating func offset() -> Int64? { time(maxHours: 24).map { -$0 } }

  /// `,M3.5.0/2`
  mutating func rule() -> YearlyMoment? {
    guard take(UInt8(ascii: ",")), let day = day() else { return nil }
    guard take(UInt8(ascii: "/")) else { return YearlyMoment(day: day, time: 7_200) }
    return time(maxHours: 167).map { YearlyMoment(day: day, time: $0) }
  }

  private mutating func day() -> YearlyMoment.Day? {
    if take(UInt8(ascii: "J")) { return number(1...365).map { .ofYearWithoutLeapDay($0) } }
    guard take(UInt8(ascii: "M")) else { return number(0...365).map { .ofYearFromZero($0) } }
    guard let month = number(1...12), take(UInt8(ascii: ".")), let week = number(1...5), take(UInt8(ascii: ".")),
      let weekday = number(0...6)
    else { return nil }
    return .ofMonth(month, week: week, weekday: weekday)
  }

  /// `-1:30:15` in seconds.
  private mutating func time(maxHours: Int) -> Int64? {
    let isNegative = isNext(UInt8(ascii: "-"))
    if isNegative || isNext(UInt8(ascii: "+")) { rest.removeFirst() }
    guard var seconds = number(0...maxHours).map({ $0 * 3_600 }) else { return nil }
    for unit in [60, 1] where take(UInt8(ascii: ":")) {
      guard let value = number(0...59) else { return nil }
      seconds += value * unit
    }
    return Int64(isNegative ? -seconds : seconds)
  }

  private mutating func number(_ range: ClosedRange<Int>) -> Int? {
    let digits = rest.prefix { 0x30...0x39 ~= $0 }
    guard 1...3 ~= digits.count else { return nil }
    rest = rest[digits.endIndex...]
    let value = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    return range ~= value ? value : nil
  }
}
