/// A schedule of five fields as crontab(5) of Debian describes it: minute, hour, day of the month, month, day of the
/// week; or one of `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly`, `@annually`.
///
/// A field is `*`, a number, a range `1-5`, either of `*` and a range with a step (`*/15`, `8-18/2`), or a list of these
/// with commas. Months and weekdays have names of three letters. Sunday is 0 and 7.
///
/// **Days.** Where neither the day of the month nor the day of the week contains a `*`, a day that matches one of them
/// is enough; otherwise it must match both. (`*/2` contains one.)
///
/// **When the clock changes** by less than three hours, what counts is whether the minute or the hour contains a `*`, as
/// in `cron(8)`:
/// - without one (`30 2 * * *`, `0,30 1-3 * * *`) a job belongs to times of the day. Those that the clock skips are
///   made up for by one run, at the moment of the change; of those that come twice only the first counts.
/// - with one (`* * * * *`, `*/10 * * * *`, `0 * * * *`, `*/10 2 * * *`) it follows the clock: what is skipped does not
///   run, and what comes twice runs twice.
///
/// A greater change, such as a day that a country leaves out, is a correction: every job follows the clock.
public struct CronExpression: Sendable, Hashable {
  /// As it was written.
  public let text: String
  private let minutes: CronField
  private let hours: CronField
  private let daysOfMonth: CronField
  private let months: CronField
  private let daysOfWeek: CronField

  public init(_ text: String) throws(CronError) {
    self.text = text
    let words = CronWord.split(text)
    if let first = words.first, first.bytes.first == UInt8(ascii: "@") {
      let fields = try CronWord.split(Self.expansion(of: first, words.count))
      (minutes, hours, daysOfMonth, months, daysOfWeek) = try Self.fields(fields)
    } else {
      (minutes, hours, daysOfMonth, months, daysOfWeek) = try Self.fields(words)
    }
  }

  private typealias Fields = (CronField, CronField, CronField, CronField, CronField)

  private static func fields(_ words: [CronWord]) throws(CronError) -> Fields {
    guard words.count == 5 else {
      let last = words.count > 5 ? words[5].offset : words.last.map { $0.offset + $0.bytes.count }
      throw CronError(
        code: .fieldCount, message: "a schedule has five fields, and this has \(words.count)", offset: last ?? 0,
        hint: words.count == 6 || words.count == 7
          ? "there are neither seconds nor years: minute, hour, day of the month, month, day of the week"
          : "minute, hour, day of the month, month, day of the week: 30 2 * * *")
    }
    return (
      try CronField(words[0], .minute), try CronField(words[1], .hour), try CronField(words[2], .dayOfMonth),
      try CronField(words[3], .month), try CronField(words[4], .dayOfWeek)
    )
  }

  private static func expansion(of word: CronWord, _ count: Int) throws(CronError) -> String {
    guard count == 1 else {
      throw CronError(
        code: .macro, message: "\(word.text) stands alone", offset: word.offset, hint: "leave out what follows it")
    }
    switch word.text.lowercased() {
    case "@hourly": return "0 * * * *"
    case "@daily", "@midnight": return "0 0 * * *"
    case "@weekly": return "0 0 * * 0"
    case "@monthly": return "0 0 1 * *"
    case "@yearly", "@annually": return "0 0 1 1 *"
    default:
      throw CronError(
        code: .macro, message: "\(word.text) is no schedule", offset: word.offset,
        hint: "known: @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually")
    }
  }
}

// MARK: - The next run

extension CronExpression {
  /// The 29th of February and a weekday meet again after 40 years at the latest.
  private static let horizon: Int64 = 41 * 366 * 86_400
  private static let smallChange: Int64 = 3 * 3_600

  /// The first run that is later than that moment; `nil` where there is none in 41 years, which means that there is none
  /// at all (the 30th of February), or none that RFC 3339 can name.
  public func next(after: Timestamp, in zone: TimeZoneRules) -> Timestamp? {
    var time = after.wholeSeconds + (after < .earliest ? 0 : 1)
    let last = min(time + Self.horizon, Timestamp.latest.wholeSeconds)
    while time <= last {
      let period = zone.period(at: time)
      let before = zone.period(at: period.start - 1).offset
      if let run = firstRun(from: time, in: period, before: before, until: min(period.end, last + 1)) {
        return Timestamp(microseconds: run * 1_000_000)
      }
      time = period.end
    }
    return nil
  }

  /// - Parameters:
  ///   - before: the offset that the period follows.
  ///   - until: a moment that is too late.
  private func firstRun(from time: Int64, in period: TimeZoneRules.Period, before: Int64, until: Int64) -> Int64? {
    var local = time + period.offset
    let change = period.offset - before
    if hasFixedTimes, abs(change) < Self.smallChange {
      let skipped = period.start + before..<period.start + max(before, period.offset)
      if time == period.start, firstMatch(in: skipped) != nil { return time }
      // What the clock shows again has had its run.
      local = max(local, period.start + before)
    }
    let end = until + period.offset
    return local < end ? firstMatch(in: local..<end).map { $0 - period.offset } : nil
  }

  private var hasFixedTimes: Bool { !minutes.hasStar && !hours.hasStar }

  /// The first full minute of the range, in local seconds, that the fields name.
  private func firstMatch(in range: Range<Int64>) -> Int64? {
    var (minute, rest) = floorDivide(range.lowerBound, by: 60)
    if rest > 0 { minute += 1 }
    var (day, minuteOfDay) = floorDivide(minute, by: 1_440)
    while day * 86_400 < range.upperBound {
      let date = civil(daysSince1970: day)
      guard months.contains(date.month) else {
        day += Int64(daysIn(month: Int(date.month), year: Int(date.year))) - date.day + 1
        minuteOfDay = 0
        continue
      }
      if matches(date.day, weekday: dayOfWeek(daysSince1970: Int(day))), let found = firstMinute(from: minuteOfDay) {
        let match = day * 86_400 + found * 60
        return range.contains(match) ? match : nil
      }
      day += 1
      minuteOfDay = 0
    }
    return nil
  }

  private func matches(_ day: Int64, weekday: Int) -> Bool {
    let (first, second) = (daysOfMonth.contains(day), daysOfWeek.contains(Int64(weekday)))
    return daysOfMonth.hasStar || daysOfWeek.hasStar ? first && second : first || second
  }

  private func firstMinute(from minuteOfDay: Int64) -> Int64? {
    let (hour, minute) = (minuteOfDay / 60, minuteOfDay % 60)
    if hours.contains(hour), let minute = minutes.first(from: minute) { return hour * 60 + minute }
    guard let hour = hours.first(from: hour + 1), let minute = minutes.first(from: 0) else { return nil }
    return hour * 60 + minute
  }
}
