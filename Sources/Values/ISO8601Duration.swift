/// Durations of ISO 8601 that mean the same everywhere: weeks, days of 24 hours, hours, minutes, seconds.
public enum ISO8601Duration {
  /// Reads `P1DT2H3.5S` or `P2W`. `nil` for years and months, whose length varies, for negative durations, for fractions
  /// elsewhere than in the seconds, and for what does not fit.
  public static func parse(_ text: String) -> Duration? {
    var rest = Substring(text)
    guard rest.popFirst() == "P", !rest.isEmpty else { return nil }
    var total = Duration.zero
    var units: [Unit] = [.weeks, .days]
    var isTime = false
    while !rest.isEmpty {
      if rest.first == "T" {
        rest.removeFirst()
        guard !isTime, !rest.isEmpty else { return nil }
        isTime = true
        units = [.hours, .minutes, .seconds]
      }
      guard let (amount, unit) = component(&rest), let place = units.firstIndex(of: unit) else { return nil }
      // Units come in their order, each at most once, and weeks stand alone.
      units.removeSubrange(...place)
      guard unit != .weeks || rest.isEmpty else { return nil }
      total += amount
    }
    return total
  }

  /// The shortest text in days, hours, minutes and seconds: `P1DT2H3.5S`, `PT0S`. Fractions go down to nanoseconds; a
  /// negative duration counts as zero.
  public static func format(_ duration: Duration) -> String {
    let (seconds, attoseconds) = max(duration, .zero).components
    let nanoseconds = attoseconds / 1_000_000_000
    var text = "P"
    if seconds >= 86_400 { text += "\(seconds / 86_400)D" }
    let (hours, minutes, rest) = (seconds % 86_400 / 3_600, seconds % 3_600 / 60, seconds % 60)
    guard hours + minutes + rest + nanoseconds > 0 || text == "P" else { return text }
    text += "T"
    if hours > 0 { text += "\(hours)H" }
    if minutes > 0 { text += "\(minutes)M" }
    if nanoseconds > 0 {
      var fraction = String(nanoseconds + 1_000_000_000).dropFirst()
      while fraction.last == "0" { fraction.removeLast() }
      text += "\(rest).\(fraction)S"
    } else if rest > 0 || text.last == "T" {
      text += "\(rest)S"
    }
    return text
  }

  private enum Unit: Character {
    case weeks = "W"
    case days = "D"
    case hours = "H"
    case minutes = "M"
    case seconds = "S"

    var seconds: Int64 {
      switch self {
      case .weeks: 604_800
      case .days: 86_400
      case .hours: 3_600
      case .minutes: 60
      case .seconds: 1
      }
    }
  }

  /// Takes `12H` or `3.5S` off the front.
  private static func component(_ rest: inout Substring) -> (Duration, Unit)? {
    let whole = digits(&rest)
    var fraction: Substring?
    if rest.first == "." || rest.first == "," {
      rest.removeFirst()
      fraction = digits(&rest)
    }
    guard let amount = Int64(whole), let letter = rest.popFirst(), let unit = Unit(rawValue: letter) else { return nil }
    // About 30,000 years: sums of a few of these never overflow.
    guard amount <= 1_000_000_000_000 / unit.seconds else { return nil }
    var duration = Duration.seconds(amount * unit.seconds)
    if let fraction {
      guard unit == .seconds, !fraction.isEmpty else { return nil }
      let nanoseconds = (fraction + "000000000").prefix(9)
      guard let value = Int64(nanoseconds) else { return nil }
      duration += .nanoseconds(value)
    }
    return (duration, unit)
  }

  private static func digits(_ rest: inout Substring) -> Substring {
    let digits = rest.prefix { $0.isASCII && $0.isWholeNumber }
    rest = rest[digits.endIndex...]
    return digits
  }
}
