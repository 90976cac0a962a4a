import Testing
import Values

@Suite("Timestamps")
struct TimestampTests {
  @Test(
    arguments: [
      ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.000001Z", 1), ("1969-12-31T23:59:59.999999Z", -1),
      ("2024-02-29T12:34:56.789Z", 1_709_210_096_789_000), ("2000-01-01T00:00:00+01:00", 946_681_200_000_000),
      ("2000-01-01T00:00:00-23:59", 946_771_140_000_000), ("1985-04-12t23:20:50.52z", 482_196_050_520_000),
      ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
      ("2024-01-01T00:00:00.1234567899Z", 1_704_067_200_123_456),
      ("0000-01-01T00:00:00Z", Timestamp.earliest.microseconds),
      ("9999-12-31T23:59:59.999999Z", Timestamp.latest.microseconds),
    ] as [(String, Int64)])
  func reads(text: String, microseconds: Int64) {
    #expect(Timestamp(rfc3339: text)?.microseconds == microseconds)
  }

  @Test(arguments: [
    "", "2024-01-01", "2024-01-01T00:00:00", "2024-01-01 00:00:00Z", "2024-13-01T00:00:00Z",
    "2024-00-01T00:00:00Z",
    "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2024-04-31T00:00:00Z", "2024-01-00T00:00:00Z",
    "2024-01-01T24:00:00Z",
    "2024-01-01T00:60:00Z", "2024-01-01T00:00:61Z", "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00+0100",
    "2024-01-01T00:00:00+01",
    "2024-01-01T00:00:00+24:00", "2024-01-01T00:00:00+00:60", "2024-01-01T00:00:00ZZ", "2024-01-01T00:00:00.5",
    "24-01-01T00:00:00.000Z", "0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "２024-01-01T00:00:00Z",
    "2024-1-01T00:00:00.0Z",
    "2024-01-01T00:00:00,5Z", "-024-01-01T00:00:00Z",
  ])
  func refuses(text: String) { #expect(Timestamp(rfc3339: text) == nil) }

  @Test func writesThreeOrSixDigits() {
    #expect(Timestamp(microseconds: 0).rfc3339 == "1970-01-01T00:00:00.000Z")
    #expect(Timestamp(microseconds: 1_500).rfc3339 == "1970-01-01T00:00:00.001500Z")
    #expect(Timestamp(microseconds: -1).rfc3339 == "1969-12-31T23:59:59.999999Z")
    #expect(Timestamp(microseconds: .max).rfc3339 == "9999-12-31T23:59:59.999999Z")
    #expect(Timestamp(microseconds: .min).rfc3339 == "0000-01-01T00:00:00.000Z")
  }

  @Test func everyDayOfEightHundredYearsSurvives() {
    let day: Int64 = 86_400_000_000
    for days in stride(from: Int64(-140_000), through: 160_000, by: 1) {
      let time = Timestamp(microseconds: days * day + 3_723_004_005)
      if Timestamp(rfc3339: time.rfc3339) != time { Issue.record("\(days): \(time.rfc3339)") }
    }
  }

  @Test func arithmetic() {
    let time = Timestamp(microseconds: 1_000_000)
    #expect(time + .milliseconds(1_500) == Timestamp(microseconds: 2_500_000))
    #expect(time + .milliseconds(-1_500) == Timestamp(microseconds: -500_000))
    #expect(time - .seconds(1) == Timestamp(microseconds: 0))
    #expect(time - Timestamp(microseconds: 250_000) == .milliseconds(750))
    #expect(time + .seconds(Int64.max / 2) == .latest)
    #expect(time + .seconds(Int64.min / 2) == .earliest)
    #expect(time < time + .microseconds(1))
  }
}
