import Testing
import Values

/// A moment from its text; the earliest one where the text is none, so that a comparison fails.
func moment(_ text: String) -> Timestamp { Timestamp(rfc3339: text) ?? .earliest }

/// The first runs after a moment, in UTC to the minute.
private func runs(_ text: String, after start: String, in zone: TimeZoneRules = .utc, count: Int) throws -> [String] {
  let schedule = try CronExpression(text)
  var time = moment(start)
  var runs: [String] = []
  while runs.count < count, let next = schedule.next(after: time, in: zone) {
    runs.append(String(next.rfc3339.prefix(16)))
    time = next
  }
  return runs
}

@Suite("Schedules of cron")
struct CronExpressionTests {
  @Test(
    arguments: [
      ("* * * * *", ["2024-02-28T23:59", "2024-02-29T00:00", "2024-02-29T00:01"]),
      ("*/15 * * * *", ["2024-02-29T00:00", "2024-02-29T00:15", "2024-02-29T00:30"]),
      ("5,1-3 0 * * *", ["2024-02-29T00:01", "2024-02-29T00:02", "2024-02-29T00:03", "2024-02-29T00:05"]),
      ("30 8-18/5 * * *", ["2024-02-29T08:30", "2024-02-29T13:30", "2024-02-29T18:30", "2024-03-01T08:30"]),
      ("0 0 29 2 *", ["2024-02-29T00:00", "2028-02-29T00:00", "2032-02-29T00:00"]),
      ("0 0 31 * *", ["2024-03-31T00:00", "2024-05-31T00:00", "2024-07-31T00:00"]),
      ("0 0 * * MON", ["2024-03-04T00:00", "2024-03-11T00:00"]),
      ("0 0 * * 7", ["2024-03-03T00:00", "2024-03-10T00:00"]),
      ("0 0 * * sun", ["2024-03-03T00:00", "2024-03-10T00:00"]),
      ("0 0 * * Fri-Sun", ["2024-03-01T00:00", "2024-03-02T00:00", "2024-03-03T00:00", "2024-03-08T00:00"]),
      ("0 0 1 JAN,jul *", ["2024-07-01T00:00", "2025-01-01T00:00"]),
      // Either day, where both are restricted; a star in one of them makes it both.
      ("0 0 13 * 5", ["2024-03-01T00:00", "2024-03-08T00:00", "2024-03-13T00:00", "2024-03-15T00:00"]),
      ("0 0 */2 * 5", ["2024-03-01T00:00", "2024-03-15T00:00", "2024-03-29T00:00"]),
      ("0 0 13 * */5", ["2024-09-13T00:00", "2024-10-13T00:00", "2024-12-13T00:00"]),
      ("@hourly", ["2024-02-29T00:00", "2024-02-29T01:00"]),
      ("@daily", ["2024-02-29T00:00", "2024-03-01T00:00"]),
      ("@midnight", ["2024-02-29T00:00", "2024-03-01T00:00"]),
      ("@Weekly", ["2024-03-03T00:00", "2024-03-10T00:00"]),
      ("@monthly", ["2024-03-01T00:00", "2024-04-01T00:00"]),
      ("@yearly", ["2025-01-01T00:00", "2026-01-01T00:00"]),
      ("@annually", ["2025-01-01T00:00", "2026-01-01T00:00"]),
      ("\t 007  3 * * *\n", ["2024-02-29T03:07", "2024-03-01T03:07"]),
    ])
  func runsNext(text: String, expected: [String]) throws {
    #expect(try runs(text, after: "2024-02-28T23:58:30.5Z", count: expected.count) == expected)
  }

  @Test func whatIsRefusedSaysWhere() {
    let cases: [(String, CronError.Code, Int)] = [
      ("", .fieldCount, 0), ("* * * *", .fieldCount, 7), ("0 * * * * *", .fieldCount, 10),
      ("0 0 0 * * * 2024", .fieldCount, 10), ("@reboot", .macro, 0), (" @daily *", .macro, 1), ("@", .macro, 0),
      ("60 * * * *", .value, 0), ("* 24 * * *", .value, 2), ("* * 0 * *", .value, 4), ("* * 32 * *", .value, 4),
      ("* * * 0 *", .value, 6), ("* * * 13 *", .value, 6), ("* * * * 8", .value, 8), ("1,2,99 * * * *", .value, 4),
      ("* * * * MONDAY", .syntax, 8), ("* * * MON *", .syntax, 6), ("* * L * *", .syntax, 4),
      ("* * * * 5#3", .syntax, 8), ("? * * * *", .syntax, 0), ("1, * * * *", .syntax, 2), (", * * * *", .syntax, 0),
      ("1- * * * *", .syntax, 2), ("-1 * * * *", .syntax, 0), ("1-2-3 * * * *", .syntax, 2),
      ("** * * * *", .syntax, 0), ("*-5 * * * *", .syntax, 0), ("+1 * * * *", .syntax, 0), ("١ * * * *", .syntax, 0),
      ("é * * * x", .syntax, 0), ("* * * * é,*,x", .syntax, 8), ("99999999999999999999 * * * *", .syntax, 0),
      ("5-1 * * * *", .order, 0), ("* 22-2 * * *", .order, 2), ("* * * * 5-2", .order, 8),
      ("*/0 * * * *", .step, 2), ("*/60 * * * *", .step, 2), ("5/10 * * * *", .step, 0), ("*/ * * * *", .step, 2),
      ("*/2/2 * * * *", .step, 2), ("*/x * * * *", .step, 2), ("* */24 * * *", .step, 4), ("/2 * * * *", .syntax, 0),
    ]
    for (text, code, offset) in cases {
      let error = #expect(throws: CronError.self, "\(text)") { try CronExpression(text) }
      #expect(error?.code == code && error?.offset == offset, "\(text): \(String(describing: error))")
      #expect(error?.hint?.isEmpty == false, "\(text)")
    }
  }

  @Test func whatNeverComesIsNil() throws {
    for text in ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "* * 31 FEB *"] {
      let schedule = try CronExpression(text)
      for zone in [.utc, try TimeZoneRules.load("Europe/Berlin")] {
        #expect(schedule.next(after: moment("2024-01-01T00:00:00Z"), in: zone) == nil, "\(text)")
      }
    }
  }

  /// 2100 has no leap day, so that a Sunday the 29th of February takes 40 years.
  @Test func theRarestDayComes() throws {
    #expect(try runs("0 0 29 2 *", after: "2096-02-29T00:00:00Z", count: 1) == ["2104-02-29T00:00"])
    #expect(try runs("0 0 29 2 */7", after: "2088-02-29T00:00:00Z", count: 1) == ["2128-02-29T00:00"])
  }

  @Test func timeEnds() throws {
    let schedule = try CronExpression("@hourly")
    #expect(schedule.next(after: moment("9999-12-31T22:30:00Z"), in: .utc) == moment("9999-12-31T23:00:00Z"))
    for time in [moment("9999-12-31T23:00:00Z"), .latest, Timestamp(microseconds: .max)] {
      #expect(schedule.next(after: time, in: .utc) == nil)
    }
    #expect(schedule.next(after: Timestamp(microseconds: .min), in: .utc) == .earliest)
    #expect(schedule.next(after: .earliest, in: .utc) == moment("0000-01-01T01:00:00Z"))
  }

  @Test func keepsItsText() throws {
    #expect(try CronExpression(" @daily ").text == " @daily ")
    #expect(try CronExpression("0 0 * * *") == CronExpression("0 0 * * *"))
  }
}

/// Berlin: 2024-03-31 from 02:00 to 03:00 (01:00 UTC), 2024-10-27 from 03:00 to 02:00 (01:00 UTC).
@Suite("Schedules when the clock changes")
struct CronClockChangeTests {
  @Test(
    arguments: [
      // Skipped times are made up for once, at the change.
      ("30 2 * * *", ["2024-03-30T01:30", "2024-03-31T01:00", "2024-04-01T00:30"]),
      ("0,15,30 2 * * *", ["2024-03-30T01:00", "2024-03-30T01:15", "2024-03-30T01:30", "2024-03-31T01:00"]),
      ("0 2,3 * * *", ["2024-03-30T01:00", "2024-03-30T02:00", "2024-03-31T01:00", "2024-04-01T00:00"]),
      ("30 2,3 * * *", ["2024-03-30T01:30", "2024-03-30T02:30", "2024-03-31T01:00", "2024-03-31T01:30"]),
      ("30 2 31 3 *", ["2024-03-31T01:00", "2025-03-31T00:30"]),
      ("30 1 * * *", ["2024-03-30T00:30", "2024-03-31T00:30", "2024-03-31T23:30"]),
      // With a star nothing is.
      ("*/30 2 * * *", ["2024-03-30T01:00", "2024-03-30T01:30", "2024-04-01T00:00"]),
    ])
  func forward(text: String, expected: [String]) throws {
    let berlin = try TimeZoneRules.load("Europe/Berlin")
    #expect(try runs(text, after: "2024-03-30T00:00:00Z", in: berlin, count: expected.count) == expected)
  }

  @Test(
    arguments: [
      ("30 2 * * *", ["2024-10-27T00:30", "2024-10-28T01:30"]),
      ("0 3 * * *", ["2024-10-27T02:00", "2024-10-28T02:00"]),
      ("0,30 1-2 * * *", ["2024-10-27T00:00", "2024-10-27T00:30", "2024-10-28T00:00"]),
      ("0 * * * *", ["2024-10-27T00:00", "2024-10-27T01:00", "2024-10-27T02:00"]),
      ("*/30 2 * * *", ["2024-10-27T00:00", "2024-10-27T00:30", "2024-10-27T01:00", "2024-10-27T01:30"]),
    ])
  func back(text: String, expected: [String]) throws {
    let berlin = try TimeZoneRules.load("Europe/Berlin")
    #expect(try runs(text, after: "2024-10-26T23:45:00Z", in: berlin, count: expected.count) == expected)
  }

  @Test func everyMinuteGoesOn() throws {
    let (every, berlin) = (try CronExpression("* * * * *"), try TimeZoneRules.load("Europe/Berlin"))
    for day in ["2024-03-31", "2024-10-27"] {
      var time = moment("\(day)T00:00:00Z")
      for _ in 0..<180 {
        let next = every.next(after: time, in: berlin)
        #expect(next == time + .seconds(60))
        time = next ?? .latest
      }
    }
  }

  /// Lord Howe sets its clock by half an hour; on 2024-10-06 from 02:00 to 02:30 (15:30 UTC the day before).
  @Test func halfAnHour() throws {
    let zone = try TimeZoneRules.load("Australia/Lord_Howe")
    #expect(
      try runs("15,45 2 * * *", after: "2024-10-05T12:00:00Z", in: zone, count: 3)
        == ["2024-10-05T15:30", "2024-10-05T15:45", "2024-10-06T15:15"])
  }

  /// Samoa had no 30th of December 2011: more than three hours are a correction, and nothing is made up for.
  @Test func aDayThatWasLeftOut() throws {
    let zone = try TimeZoneRules.load("Pacific/Apia")
    #expect(
      try runs("0 12 * * *", after: "2011-12-29T00:00:00Z", in: zone, count: 3)
        == ["2011-12-29T22:00", "2011-12-30T22:00", "2011-12-31T22:00"])
    #expect(try runs("0 12 30 12 *", after: "2011-01-01T00:00:00Z", in: zone, count: 1) == ["2012-12-29T22:00"])
  }

  /// Where the clock goes forward at midnight, the day begins with the change.
  @Test func aDayWithoutMidnight() throws {
    let zone = try TimeZoneRules.load("America/Santiago")
    #expect(
      try runs("@daily", after: "2024-09-07T12:00:00Z", in: zone, count: 2) == ["2024-09-08T04:00", "2024-09-09T03:00"])
  }
}
