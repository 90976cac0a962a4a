import ArgumentParser
import Simulator
import Values

/// `250ms`, `1.5s`, `5m`, `2h`, `1d` or ISO 8601.
struct DurationArgument: ExpressibleByArgument, CustomStringConvertible {
  let value: Duration

  init(value: Duration) { self.value = value }

  init?(argument: String) {
    if let duration = ISO8601Duration.parse(argument) {
      value = duration
      return
    }
    let number = argument.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let units: [String: Double] = ["ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400]
    guard let amount = Double(number), amount < 1e9, let unit = units[String(argument.dropFirst(number.count))] else {
      return nil
    }
    value = .seconds(amount * unit)
  }

  var description: String { ISO8601Duration.format(value) }
  var defaultValueDescription: String { "\(value)".replacing(".0 seconds", with: "s") }
}

enum RateArgument: ExpressibleByArgument, Equatable {
  case max
  case perSecond(Double)

  init?(argument: String) {
    if argument == "max" {
      self = .max
    } else if let rate = Double(argument), (0.000_1...1_000_000).contains(rate) {
      self = .perSecond(rate)
    } else {
      return nil
    }
  }
}

struct TimestampArgument: ExpressibleByArgument {
  let value: Timestamp

  init?(argument: String) {
    guard let value = Timestamp(rfc3339: argument) else { return nil }
    self.value = value
  }
}

extension SimulationOptions.Format: ExpressibleByArgument {}
