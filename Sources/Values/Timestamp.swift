import Glibc

/// A moment, in microseconds since 1970-01-01 00:00 UTC without leap seconds (POSIX time).
public struct Timestamp: Sendable, Hashable, Comparable, CustomStringConvertible {
  public var microseconds: Int64

  public init(microseconds: Int64) { self.microseconds = microseconds }

  /// 0000-01-01T00:00:00Z, the first moment that RFC 3339 can name.
  public static let earliest = Timestamp(microseconds: -62_167_219_200_000_000)
  /// 9999-12-31T23:59:59.999999Z, the last.
  public static let latest = Timestamp(microseconds: 253_402_300_799_999_999)

  /// The clock of this machine. Only for the outermost layer: what decides anything is given its time.
  public static func now() -> Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
  }

  public static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

  /// Stays between ``earliest`` and ``latest``.
  public static func + (time: Timestamp, duration: Duration) -> Timestamp {
    let (seconds, attoseconds) = duration.components
    let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
    let (sum, carry) = time.microseconds.addingReportingOverflow(scaled)
    if overflow || carry { return duration < .zero ? earliest : latest }
    let (whole, carry2) = sum.addingReportingOverflow(attoseconds / 1_000_000_000_000)
    if carry2 { return duration < .zero ? earliest : latest }
    return min(max(Timestamp(microseconds: whole), earliest), latest)
  }

  public static func - (time: Timestamp, duration: Duration) -> Timestamp { time + (.zero - duration) }

  public static func - (later: Timestamp, earlier: Timestamp) -> Duration {
    .microseconds(later.microseconds) - .microseconds(earlier.microseconds)
  }

  public var description: String { rfc3339 }
}

// MARK: - RFC 3339

extension Timestamp {
  /// Reads `2024-02-29T12:34:56.789+01:00`. Digits beyond microseconds are cut off; a leap second is the second after it.
  public init?(rfc3339 text: String) {
    var text = text
    let result = text.withUTF8 { Timestamp(rfc3339: $0) }
    guard let result else { return nil }
    self = result
  }

  /// - Parameter bytes: the text as ASCII.
  public init?(rfc3339 bytes: UnsafeBufferPointer<UInt8>) {
    guard bytes.count >= 20, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
      bytes[10] | 0x20 == UInt8(ascii: "t"), bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"),
      let century = twoDigits(bytes, 0), let yearOfCentury = twoDigits(bytes, 2), let month = twoDigits(bytes, 5),
      let day = twoDigits(bytes, 8), let hour = twoDigits(bytes, 11), let minute = twoDigits(bytes, 14),
      let second = twoDigits(bytes, 17)
    else { return nil }
    let year = century * 100 + yearOfCentury
    guard 1...12 ~= month, 1...daysIn(month: month, year: year) ~= day, hour < 24, minute < 60, second <= 60 else {
      return nil
    }
    var place = 19
    guard let fraction = Self.fraction(bytes, &place), let offset = Self.offset(bytes, place) else { return nil }
    let seconds = daysSince1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset
    let time = Timestamp(microseconds: Int64(seconds) * 1_000_000 + fraction)
    guard time >= .earliest, time <= .latest else { return nil }
    self = time
  }

  /// Microseconds of `.123456`, 0 where there is no point, `nil` for a point without digits.
  private static func fraction(_ bytes: UnsafeBufferPointer<UInt8>, _ place: inout Int) -> Int64? {
    guard bytes[place] == UInt8(ascii: ".") else { return 0 }
    place += 1
    let start = place
    var value: Int64 = 0
    var unit: Int64 = 100_000
    while place < bytes.count, bytes[place] &- UInt8(ascii: "0") < 10 {
      value += Int64(bytes[place] - UInt8(ascii: "0")) * unit
      unit /= 10
      place += 1
    }
    return place > start ? value : nil
  }

  /// Seconds that the local time is ahead of UTC; the zone must end the text.
  private static func offset(_ bytes: UnsafeBufferPointer<UInt8>, _ place: Int) -> Int? {
    guard place < bytes.count else { return nil }
    let sign = bytes[place]
    if sign | 0x20 == UInt8(ascii: "z") { return place + 1 == bytes.count ? 0 : nil }
    guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"), place + 6 == bytes.count,
      bytes[place + 3] == UInt8(ascii: ":"), let hours = twoDigits(bytes, place + 1),
      let minutes = twoDigits(bytes, place + 4), hours < 24, minutes < 60
    else { return nil }
    return (hours * 3_600 + minutes * 60) * (sign == UInt8(ascii: "-") ? -1 : 1)
  }

  /// In UTC with `Z`; three digits of a second, or six where they are needed. Moments that RFC 3339 cannot name are
  /// written as the nearest that it can.
  public var rfc3339: String {
    String(unsafeUninitializedCapacity: 27) { text in
      let time = min(max(self, .earliest), .latest).microseconds
      let (day, rest) = floorDivide(time, by: 86_400_000_000)
      let (year, month, dayOfMonth) = civil(daysSince1970: day)
      let (seconds, fraction) = (rest / 1_000_000, rest % 1_000_000)
      write(year, 4, text, 0)
      text[4] = UInt8(ascii: "-")
      write(month, 2, text, 5)
      text[7] = UInt8(ascii: "-")
      write(dayOfMonth, 2, text, 8)
      text[10] = UInt8(ascii: "T")
      write(seconds / 3_600, 2, text, 11)
      text[13] = UInt8(ascii: ":")
      write(seconds / 60 % 60, 2, text, 14)
      text[16] = UInt8(ascii: ":")
      write(seconds % 60, 2, text, 17)
      text[19] = UInt8(ascii: ".")
      let digits = fraction % 1_000 == 0 ? 3 : 6
      write(digits == 3 ? fraction / 1_000 : fraction, digits, text, 20)
      text[20 + digits] = UInt8(ascii: "Z")
      return 21 + digits
    }
  }
}

private func twoDigits(_ bytes: UnsafeBufferPointer<UInt8>, _ place: Int) -> Int? {
  let (tens, ones) = (bytes[place] &- UInt8(ascii: "0"), bytes[place + 1] &- UInt8(ascii: "0"))
  return tens < 10 && ones < 10 ? Int(tens) * 10 + Int(ones) : nil
}

private func write(_ value: Int64, _ digits: Int, _ text: UnsafeMutableBufferPointer<UInt8>, _ start: Int) {
  var value = value
  for place in stride(from: start + digits - 1, through: start, by: -1) {
    text[place] = UInt8(ascii: "0") + UInt8(value % 10)
    value /= 10
  }
}
