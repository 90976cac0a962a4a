import Testing
import Values

/// `next` against a walk through every minute.
@Suite("Schedules against a walk through every minute")
struct CronPropertyTests {
  /// Days around changes of the clock: forward and back, half an hour, at midnight, twice within a month, by a day.
  private static let places = [
    ("UTC", "2024-02-28"), ("Europe/Berlin", "2024-03-30"), ("Europe/Berlin", "2024-10-26"),
    ("America/New_York", "2024-03-09"), ("America/New_York", "2024-11-02"), ("Australia/Lord_Howe", "2024-04-06"),
    ("Australia/Lord_Howe", "2024-10-05"), ("America/Santiago", "2024-09-07"), ("Africa/Casablanca", "2024-03-09"),
    ("Africa/Casablanca", "2024-04-13"), ("Pacific/Apia", "2011-12-29"), ("Antarctica/Troll", "2024-03-30"),
    ("Asia/Kathmandu", "1985-12-30"), ("Pacific/Kwajalein", "1993-08-20"), ("Europe/Berlin", "2150-03-28"),
  ]

  @Test(arguments: places)
  func nextIsTheFirstOfTheWalk(name: String, day: String) throws {
    var random = Generator(seed: UInt64(name.utf8.count) &* 31 &+ UInt64(day.utf8.last ?? 0))
    let zone = try TimeZoneRules.load(name)
    let walk = Walk(zone: zone, start: moment("\(day)T00:00:00Z"), minutes: 3 * 1_440)
    var compared = 0
    for _ in 0..<40 {
      let schedule = NaiveSchedule(&random, zone: zone, around: walk.start)
      let expression = try CronExpression(schedule.text)
      let expected = walk.runs(of: schedule)
      var time = walk.start - .microseconds(1)
      for run in expected {
        // From just before, from within the minute before, or from the run before.
        let after = max(time, random.pick([time, run - .microseconds(1), run - .seconds(59)]))
        #expect(expression.next(after: after, in: zone) == run, "\(schedule.text) in \(name) after \(after)")
        time = run
        compared += 1
      }
      if let later = expression.next(after: time, in: zone) {
        #expect(later >= walk.end, "\(schedule.text) in \(name) after \(time)")
      }
    }
    #expect(compared > 300)
  }
}

/// Every minute of a few days, as the zone's clock shows them.
private struct Walk {
  struct Minute {
    let time: Timestamp
    let local: Local
    let isRepeated: Bool
    /// The full minutes that the clock skips at this moment.
    let skipped: [Local]
  }

  let start: Timestamp
  let end: Timestamp
  let minutes: [Minute]

  init(zone: TimeZoneRules, start: Timestamp, minutes count: Int) {
    self.start = start
    end = start + .seconds(60 * count)
    minutes = (0..<count).map { number in
      let time = start + .seconds(60 * number)
      let local = zone.wallClock(at: time)
      let jump = (local - zone.wallClock(at: time - .seconds(60))).components.seconds / 60 - 1
      let skipped = (0..<max(0, jump)).map { local - .seconds(60 * ($0 + 1)) }
      let isRepeated =
        if case .twice(let first, let second) = zone.moments(ofWallClock: local) {
          time == second && second - first < .seconds(10_800)
        } else {
          false
        }
      return Minute(
        time: time, local: Local(local), isRepeated: isRepeated, skipped: jump < 180 ? skipped.map(Local.init) : [])
    }
  }

  func runs(of schedule: NaiveSchedule) -> [Timestamp] {
    minutes.filter { minute in
      if schedule.followsTheClock { return schedule.matches(minute.local) }
      return schedule.matches(minute.local) && !minute.isRepeated || minute.skipped.contains(where: schedule.matches)
    }
    .map(\.time)
  }
}

/// The five numbers that a schedule looks at.
private struct Local {
  let month, day, weekday, hour, minute: Int

  init(_ wallClock: Timestamp) {
    let numbers = wallClock.rfc3339.split { !$0.isNumber }.compactMap { Int($0) }
    (month, day, hour, minute) = (numbers[1], numbers[2], numbers[3], numbers[4])
    // All of these days are later than 1970, which began with a Thursday.
    weekday = Int(wallClock.microseconds / 86_400_000_000 + 4) % 7
  }
}

/// Fields as sets, from which the text is made: nothing of the parser is used.
private struct NaiveSchedule {
  private var sets: [Set<Int>] = []
  private var stars: [Bool] = []
  private(set) var text = ""

  /// Days and hours are likely to be those around the moment.
  init(_ random: inout Generator, zone: TimeZoneRules, around time: Timestamp) {
    let local = Local(zone.wallClock(at: time))
    let (day, month) = (local.day, local.month)
    let likely = [[0, 15, 30, 59], [0, 1, 2, 3, 23], [day, min(day + 1, 31)], [month], [0, 5, 6]]
    var words: [String] = []
    for (field, range) in [0...59, 0...23, 1...31, 1...12, 0...6].enumerated() {
      let (word, values) = Self.field(&random, range, likely: likely[field], isDate: field > 1)
      words.append(word)
      sets.append(values)
      stars.append(word.contains("*"))
    }
    text = words.joined(separator: " ")
  }

  private static func field(
    _ random: inout Generator, _ range: ClosedRange<Int>, likely: [Int], isDate: Bool
  ) -> (String, Set<Int>) {
    switch random.next(upTo: isDate ? 8 : 5) {
    case 0:
      let step = 2 + Int(random.next(upTo: UInt64(range.upperBound / 2 - 1)))
      return ("*/\(step)", Set(range.filter { ($0 - range.lowerBound) % step == 0 }))
    case 1:
      let first = random.pick(Array(range))
      let last = random.pick(Array(first...range.upperBound))
      let step = random.pick([1, 2, 3])
      return ("\(first)-\(last)/\(step)", Set((first...last).filter { ($0 - first) % step == 0 }))
    case 2, 3:
      let values = (0...random.next(upTo: 3)).map { _ in random.pick(likely) }
      return (values.map(String.init).joined(separator: ","), Set(values))
    default: return ("*", Set(range))
    }
  }

  var followsTheClock: Bool { stars[0] || stars[1] }

  func matches(_ local: Local) -> Bool {
    let (onDay, onWeekday) = (sets[2].contains(local.day), sets[4].contains(local.weekday))
    return sets[0].contains(local.minute) && sets[1].contains(local.hour) && sets[3].contains(local.month)
      && (stars[2] || stars[4] ? onDay && onWeekday : onDay || onWeekday)
  }
}
