import Testing

@testable import Values

@Suite("Rules of time zones")
struct TimeZoneRulesTests {
  @Test(arguments: [
    ("Europe/Berlin", "2024-03-31T00:59:59.999999Z", 3_600), ("Europe/Berlin", "2024-03-31T01:00:00Z", 7_200),
    ("Europe/Berlin", "2024-10-27T00:59:59Z", 7_200), ("Europe/Berlin", "2024-10-27T01:00:00Z", 3_600),
    // Before standard time, and by the rules at the end of the file.
    ("Europe/Berlin", "1800-01-01T00:00:00Z", 3_208), ("Europe/Berlin", "2150-07-01T00:00:00Z", 7_200),
    ("Europe/Berlin", "9999-12-31T23:59:59Z", 3_600), ("America/New_York", "2024-07-01T00:00:00Z", -14_400),
    ("America/St_Johns", "2024-01-01T00:00:00Z", -12_600), ("Asia/Kathmandu", "2024-01-01T00:00:00Z", 20_700),
    ("Pacific/Apia", "2011-12-30T09:59:59Z", -36_000), ("Pacific/Apia", "2011-12-30T10:00:00Z", 50_400),
    // South of the equator summer time goes over the new year.
    ("Australia/Sydney", "2060-01-01T00:00:00Z", 39_600), ("Australia/Sydney", "2060-06-01T00:00:00Z", 36_000),
    ("Africa/Casablanca", "2024-03-15T00:00:00Z", 0), ("UTC", "2024-03-15T00:00:00Z", 0),
  ])
  func offsets(name: String, time: String, offset: Int) throws {
    #expect(try TimeZoneRules.load(name).offset(at: moment(time)) == offset)
  }

  @Test func wallClocks() throws {
    let berlin = try TimeZoneRules.load("Europe/Berlin")
    #expect(berlin.wallClock(at: moment("2024-07-01T10:00:00.5Z")) == moment("2024-07-01T12:00:00.5Z"))
    let cases: [(String, WallClockMoments)] = [
      ("2024-07-01T12:00:00.5Z", .once(moment("2024-07-01T10:00:00.5Z"))),
      ("2024-03-31T01:59:59.999999Z", .once(moment("2024-03-31T00:59:59.999999Z"))),
      ("2024-03-31T02:00:00Z", .skipped(at: moment("2024-03-31T01:00:00Z"))),
      ("2024-03-31T02:59:59.999999Z", .skipped(at: moment("2024-03-31T01:00:00Z"))),
      ("2024-03-31T03:00:00Z", .once(moment("2024-03-31T01:00:00Z"))),
      ("2024-10-27T02:30:00Z", .twice(moment("2024-10-27T00:30:00Z"), moment("2024-10-27T01:30:00Z"))),
      ("2024-10-27T03:00:00Z", .once(moment("2024-10-27T02:00:00Z"))),
      ("2150-03-29T02:30:00Z", .skipped(at: moment("2150-03-29T01:00:00Z"))),
    ]
    for (local, expected) in cases { #expect(berlin.moments(ofWallClock: moment(local)) == expected, "\(local)") }
    let apia = try TimeZoneRules.load("Pacific/Apia")
    #expect(
      apia.moments(ofWallClock: moment("2011-12-30T12:00:00Z")) == .skipped(at: moment("2011-12-30T10:00:00Z")))
  }

  /// Any moment is among those of what the clock shows then.
  @Test(arguments: [
    "UTC", "Europe/Berlin", "America/Santiago", "Pacific/Kwajalein", "Antarctica/Troll", "Africa/Monrovia",
  ])
  func thereAndBack(name: String) throws {
    var random = Generator(seed: 11)
    let zone = try TimeZoneRules.load(name)
    for _ in 0..<4_000 {
      let time = Timestamp(microseconds: Int64(random.next(upTo: 9_000_000_000_000_000)) - 3_000_000_000_000_000)
      switch zone.moments(ofWallClock: zone.wallClock(at: time)) {
      case .once(let only): #expect(only == time)
      case .twice(let first, let second): #expect((first == time || second == time) && first < second)
      case .skipped: Issue.record("\(time) in \(name)")
      }
    }
  }

  @Test func theEndsOfTime() throws {
    let berlin = try TimeZoneRules.load("Europe/Berlin")
    for time in [Timestamp(microseconds: .min), Timestamp(microseconds: .max), .earliest, .latest] {
      _ = (berlin.offset(at: time), berlin.wallClock(at: time), berlin.moments(ofWallClock: time))
    }
  }

  @Test func refusesNames() {
    let cases: [(String, TimeZoneError.Code)] = [
      ("", .name), ("../../../etc/passwd", .name), ("/etc/passwd", .name), ("Europe//Berlin", .name),
      ("Europe/", .name), ("Europe/./Berlin", .name), ("Europe\0", .name), ("Europe/Bérlin", .name), ("a b", .name),
      (String(repeating: "a", count: 65), .name), ("tzdata.zi", .name), ("Europe/Atlantis", .unknown),
      ("UTC/Berlin", .unknown), ("Europe", .unreadable), ("right/Europe/Berlin", .malformed),
    ]
    for (name, code) in cases {
      let error = #expect(throws: TimeZoneError.self, "\(name)") { try TimeZoneRules.load(name) }
      // `right` is a package of its own.
      #expect(error?.code == code || name.hasPrefix("right/") && error?.code == .unknown, "\(name)")
    }
  }
}

@Suite("The format TZif")
struct TZifTests {
  /// A file of version 2 with an empty first part.
  private static func file(
    transitions: [(Int64, UInt8)] = [], offsets: [Int32] = [0], footer: String = "", version: String = "2",
    leapSeconds: UInt32 = 0
  ) -> [UInt8] {
    func header(_ counts: [UInt32]) -> [UInt8] {
      Array("TZif\(version)".utf8) + [UInt8](repeating: 0, count: 15) + counts.flatMap(bigEndian)
    }
    var bytes = header([0, 0, 0, 0, 1, 1]) + [UInt8](repeating: 0, count: 7)
    bytes += header([0, 0, leapSeconds, UInt32(transitions.count), UInt32(offsets.count), 4])
    bytes += transitions.flatMap { bigEndian($0.0) } + transitions.map(\.1)
    bytes += offsets.flatMap { bigEndian($0) + [0, 0] } + Array("XYZ\0".utf8)
    bytes += [UInt8](repeating: 0, count: Int(leapSeconds) * 12)
    return bytes + Array("\n\(footer)\n".utf8)
  }

  private static func bigEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
  }

  @Test func transitionsAndWhatComesAfterThem() throws {
    let bytes = Self.file(transitions: [(-100, 1), (100, 2)], offsets: [10, 3_600, -7_200])
    let rules = try TimeZoneRules(tzif: bytes)
    let offsets = [-101, -100, 99, 100, 1_000_000].map { rules.offset(at: Timestamp(microseconds: $0 * 1_000_000)) }
    #expect(offsets == [10, 3_600, 3_600, -7_200, -7_200])
    #expect(try TimeZoneRules(tzif: Self.file(offsets: [42])).offset(at: .latest) == 42)
  }

  @Test(
    arguments: [
      ("CET-1CEST,M3.5.0,M10.5.0/3", "2024-07-01T00:00:00Z", 7_200),
      ("CET-1CEST,M3.5.0,M10.5.0/3", "2024-12-01T00:00:00Z", 3_600),
      ("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2024-12-01T00:00:00Z", 39_600),
      // Summer time all year: the end and the next start are one moment.
      ("EST5EDT,0/0,J365/25", "2024-12-31T23:30:00Z", -14_400),
      ("EST5EDT,0/0,J365/25", "2025-01-01T04:00:00Z", -14_400),
      ("EST5EDT,0/0,J365/25", "2025-07-01T00:00:00Z", -14_400),
      // Saturday at 22:00 is the day before Sunday at -2.
      ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2024-03-31T00:59:59Z", -7_200),
      ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2024-03-31T01:00:00Z", -3_600),
      ("IST-2IDT,M3.4.4/26,M10.5.0", "2024-03-28T23:59:59Z", 7_200),
      ("IST-2IDT,M3.4.4/26,M10.5.0", "2024-03-29T00:00:00Z", 10_800),
      ("AAA0BBB,J60/0,J300/0", "2024-02-29T23:59:59Z", 0), ("AAA0BBB,J60/0,J300/0", "2024-03-01T00:00:00Z", 3_600),
      ("AAA0BBB,J60/0,J300/0", "2023-03-01T00:00:00Z", 3_600), ("AAA0BBB,59/0,300", "2024-02-29T00:00:00Z", 3_600),
      // The 59th day is the 28th of February in any year.
      ("AAA0BBB,J59/0,J300/0", "2024-02-27T23:59:59Z", 0), ("AAA0BBB,J59/0,J300/0", "2024-02-28T00:00:00Z", 3_600),
      // The last Sunday, where there are only four.
      ("AAA0BBB,M2.5.0/0,M10.5.0", "2023-02-25T23:59:59Z", 0),
      ("AAA0BBB,M2.5.0/0,M10.5.0", "2023-02-26T00:00:00Z", 3_600),
      ("<-00>0", "2024-02-29T00:00:00Z", 0), ("AAA-5:45:15", "2024-02-29T00:00:00Z", 20_715),
    ] as [(String, String, Int)])
  func rulesAtTheEnd(footer: String, time: String, offset: Int) throws {
    let rules = try TimeZoneRules(tzif: Self.file(transitions: [(0, 0)], footer: footer, version: "3"))
    #expect(rules.offset(at: moment(time)) == offset)
  }

  @Test func refuses() {
    let good = Self.file(transitions: [(1, 0)], footer: "CET-1")
    let cases: [[UInt8]] = [
      [], Array(good.dropLast()), Array(good.prefix(60)), Self.file(version: "\0"), Self.file(leapSeconds: 1),
      Self.file(transitions: [(1, 0), (1, 0)]), Self.file(transitions: [(2, 0), (1, 0)]),
      Self.file(transitions: [(1, 1)]), Self.file(transitions: [(.min, 0)]), Self.file(transitions: [(.max, 0)]),
      Self.file(offsets: []), Self.file(offsets: [93_600]), Self.file(offsets: [.min]),
    ]
    let footers = [
      "C", "CET", "CET-25", "CET-1CEST", "CET-1CEST,", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0",
      "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J0,J2", "CET-1CEST,J366,J2",
      "CET-1CEST,366,2", "CET-1CEST,M3.5.0/168,M10.5.0", "<CET-1", "CET-1CEST,M3.5.0,M10.5.0 ", "CET-1:60", "CET--1",
      "CET-1CEST,M3.5.0/,M10.5.0", ":Europe/Berlin",
    ]
    for bytes in cases + footers.map({ Self.file(footer: $0) }) {
      let error = #expect(throws: TimeZoneError.self) { try TimeZoneRules(tzif: bytes) }
      #expect(error?.code == .malformed, "\(bytes)")
    }
  }

  /// Whatever is in a file: rules or an error, and rules answer at once.
  @Test func damagedFiles() throws {
    var random = Generator(seed: 8_536)
    let good = Self.file(
      transitions: (0..<20).map { (Int64($0) * 9_000_000, UInt8($0 % 2)) }, offsets: [3_600, 7_200],
      footer: "CET-1CEST,M3.5.0,M10.5.0/3")
    let daily = try CronExpression("30 2 * * *")
    var (tried, read) = (0, 0)
    for _ in 0..<20_000 {
      var bytes = good
      for _ in 0...random.next(upTo: 4) {
        let place = Int(random.next(upTo: UInt64(bytes.count)))
        switch random.next(upTo: 8) {
        case 0: bytes.remove(at: place)
        case 1: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
        case 2: bytes[place] = random.pick([0, 1, 0x7F, 0x80, 0xFF])
        case 3: bytes[place] ^= 1 << UInt8(random.next(upTo: 8))
        default:
          // The rules at the end are few bytes.
          let end = bytes.count - 1 - Int(random.next(upTo: 28))
          bytes[end] = random.pick(Array("0123456789,.:/<>-+JMCEST".utf8))
        }
      }
      tried += 1
      guard let rules = try? TimeZoneRules(tzif: bytes) else { continue }
      read += 1
      let time = Timestamp(microseconds: Int64(random.next(upTo: 5_000_000_000_000_000)))
      if let next = daily.next(after: time, in: rules) { #expect(next > time) }
      if case .twice(let first, let second) = rules.moments(ofWallClock: time) { #expect(first < second) }
    }
    #expect(tried == 20_000 && read > 1_000, "\(read)")
  }
}
