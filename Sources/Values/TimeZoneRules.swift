/// How far a zone was, is and will be from UTC, as the tz database has it.
///
/// Foundation's `TimeZone` was the alternative. It brings ICU with a copy of the database that only a new toolchain
/// renews, and says nothing of the times that a change of the clock skips or repeats. The files that are read here are
/// kept up to date by the system's `tzdata` package.
public struct TimeZoneRules: Sendable, Hashable {
  public static let utc = TimeZoneRules(initial: 0, transitions: [], afterwards: nil)

  /// A moment, in seconds of POSIX time, and the offset that holds from then on.
  struct Transition: Sendable, Hashable {
    let time: Int64
    let offset: Int64
  }

  /// A stretch of time with one offset; its end belongs to the next one, which may have the same offset.
  struct Period: Sendable, Hashable {
    let start: Int64
    let end: Int64
    let offset: Int64

    func contains(_ time: Int64) -> Bool { time >= start && time < end }
  }

  /// Before and after every moment that counts; sums of these with a few years do not overflow.
  static let beginning = Int64.min / 4
  static let end = Int64.max / 4
  /// RFC 9636, section 3.2: more than 25 hours behind UTC or 26 ahead of it is no offset.
  static let offsets: ClosedRange<Int64> = -89_999...93_599

  /// What holds before the first transition.
  private let initial: Int64
  /// Ascending.
  private let transitions: [Transition]
  /// What holds from the last transition on, where that is not one offset for good.
  private let afterwards: PosixTimeZone?

  init(initial: Int64, transitions: [Transition], afterwards: PosixTimeZone?) {
    self.initial = initial
    self.transitions = transitions
    self.afterwards = afterwards
  }

  /// Seconds that the local time is ahead of UTC; negative west of it.
  public func offset(at time: Timestamp) -> Int { Int(period(at: time.wholeSeconds).offset) }

  /// What a clock on the wall shows, written as if it were UTC.
  public func wallClock(at time: Timestamp) -> Timestamp { time + .seconds(offset(at: time)) }

  func period(at time: Int64) -> Period {
    var (low, high) = (0, transitions.count)
    while low < high {
      let middle = (low + high) / 2
      if transitions[middle].time <= time { low = middle + 1 } else { high = middle }
    }
    let current = low > 0 ? transitions[low - 1] : Transition(time: Self.beginning, offset: initial)
    if low < transitions.count {
      return Period(start: current.time, end: transitions[low].time, offset: current.offset)
    }
    guard let period = afterwards?.period(at: time) else {
      return Period(start: current.time, end: Self.end, offset: current.offset)
    }
    return Period(start: max(period.start, current.time), end: period.end, offset: period.offset)
  }
}

// MARK: - From local time to UTC

/// When a clock on the wall shows a certain time.
public enum WallClockMoments: Sendable, Hashable {
  case once(Timestamp)
  /// Never: at this moment the clock is set forward past it.
  case skipped(at: Timestamp)
  /// The clock is set back in between.
  case twice(Timestamp, Timestamp)
}

extension TimeZoneRules {
  /// - Parameter wallClock: the local time, written as if it were UTC.
  public func moments(ofWallClock wallClock: Timestamp) -> WallClockMoments {
    let local = wallClock.wholeSeconds
    var found: [Timestamp] = []
    var skippedAt: Int64?
    // No offset reaches further than this range, so the clock shows less at its start and more at its end.
    var period = period(at: local - Self.offsets.upperBound)
    while true {
      if period.contains(local - period.offset) { found.append(wallClock - .seconds(period.offset)) }
      guard period.end <= local - Self.offsets.lowerBound else { break }
      let next = self.period(at: period.end)
      if period.end + period.offset <= local && local < period.end + next.offset { skippedAt = skippedAt ?? period.end }
      period = next
    }
    if found.count > 1 { return .twice(found[0], found[1]) }
    if let skippedAt, found.isEmpty { return .skipped(at: Timestamp(microseconds: skippedAt * 1_000_000)) }
    return .once(found.first ?? wallClock)
  }
}

extension Timestamp {
  /// Seconds of POSIX time, rounded down, of the nearest moment that RFC 3339 can name.
  var wholeSeconds: Int64 { floorDivide(min(max(self, .earliest), .latest).microseconds, by: 1_000_000).0 }
}
