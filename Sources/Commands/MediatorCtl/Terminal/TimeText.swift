import Values

extension Style {
  /// `2026-01-31T12:34:56.789Z`, on a terminal with ` (2 min ago)`.
  func moment(_ time: Timestamp) -> String {
    isTerminal ? "\(time.rfc3339) (\(TimeText.relative(time, to: now)))" : time.rfc3339
  }

  /// For cells: on a terminal to the second, and without the date when that is today's.
  func shortMoment(_ time: Timestamp) -> String {
    let text = time.rfc3339
    guard isTerminal else { return text }
    let isToday = text.prefix(10) == now.rfc3339.prefix(10)
    return "\(text.prefix(19).dropFirst(isToday ? 11 : 0))Z (\(TimeText.relative(time, to: now)))"
  }

  /// For times of the same day as `day`: without the date on a terminal.
  func timeOfDay(_ time: Timestamp, on day: Timestamp) -> String {
    let (text, dayText) = (time.rfc3339, day.rfc3339)
    guard isTerminal, text.prefix(10) == dayText.prefix(10) else { return text }
    return "\(text.dropFirst(11).prefix(12))Z"
  }
}

enum TimeText {
  /// `3 s ago`, `in 5 min`, `now`.
  static func relative(_ time: Timestamp, to now: Timestamp) -> String {
    let distance = now - time
    if distance > .seconds(-1), distance < .seconds(1) { return "now" }
    return distance < .zero ? "in \(coarse(.zero - distance))" : "\(coarse(distance)) ago"
  }

  private static func coarse(_ duration: Duration) -> String {
    let seconds = duration.components.seconds
    return switch seconds {
    case ..<60: "\(seconds) s"
    case ..<3_600: "\(seconds / 60) min"
    case ..<172_800: "\(seconds / 3_600) h"
    default: "\(seconds / 86_400) d"
    }
  }

  /// `850 µs`, `12 ms`, `1.23 s`, `2 min 3 s`, `3 h 4 min`, `2 d 3 h`.
  static func duration(_ duration: Duration) -> String {
    let duration = max(duration, .zero)
    let microseconds = Int64(duration / .microseconds(1))
    let seconds = microseconds / 1_000_000
    switch microseconds {
    case ..<1_000: return "\(microseconds) µs"
    case ..<1_000_000: return "\(microseconds / 1_000) ms"
    case ..<60_000_000:
      let hundredths = microseconds / 10_000 % 100
      return "\(seconds).\(hundredths < 10 ? "0" : "")\(hundredths) s"
    default: break
    }
    return switch seconds {
    case ..<3_600: "\(seconds / 60) min \(seconds % 60) s"
    case ..<86_400: "\(seconds / 3_600) h \(seconds % 3_600 / 60) min"
    default: "\(seconds / 86_400) d \(seconds % 86_400 / 3_600) h"
    }
  }
}
