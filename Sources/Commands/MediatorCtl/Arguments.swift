import ArgumentParser
import Engine
import Values

/// `5s`, `250ms`, `10m`, `2h`, `1d`, several of them in a row (`1h30m`), or ISO 8601 (`PT5S`).
struct DurationArgument: ExpressibleByArgument, Hashable, Sendable {
  let duration: Duration

  init(_ duration: Duration) { self.duration = duration }

  init?(argument: String) {
    if argument.hasPrefix("P") {
      guard let duration = ISO8601Duration.parse(argument) else { return nil }
      self.duration = duration
      return
    }
    var total = Duration.zero
    var rest = Substring(argument)
    guard !rest.isEmpty else { return nil }
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      rest = rest.dropFirst(digits.count)
      let name = rest.prefix { $0.isLetter }
      rest = rest.dropFirst(name.count)
      guard digits.count <= 9, let amount = Int64(digits), let unit = Self.units[String(name)] else { return nil }
      total += unit * amount
    }
    duration = total
  }

  private static let units: [String: Duration] = [
    "ms": .milliseconds(1), "s": .seconds(1), "m": .seconds(60), "h": .seconds(3_600), "d": .seconds(86_400),
  ]

  var defaultValueDescription: String { "\(duration.components.seconds)s" }
}

/// A moment in RFC 3339, or how long ago it was.
enum MomentArgument: ExpressibleByArgument, Hashable, Sendable {
  case at(Timestamp)
  case ago(Duration)

  init?(argument: String) {
    if let duration = DurationArgument(argument: argument)?.duration {
      self = .ago(duration)
    } else if let time = Timestamp(rfc3339: argument) {
      self = .at(time)
    } else {
      return nil
    }
  }

  func resolved(now: Timestamp) -> Timestamp {
    switch self {
    case .at(let time): time
    case .ago(let duration): now - duration
    }
  }
}

/// `NAMESPACE/NAME`, or `NAME` where that is enough.
struct WorkflowArgument: ExpressibleByArgument, Hashable, Sendable {
  let namespace: String?
  let name: String

  init?(argument: String) {
    let parts = argument.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }) else { return nil }
    namespace = parts.count == 2 ? parts[0] : nil
    name = parts[parts.count - 1]
  }

  var text: String { namespace.map { "\($0)/\(name)" } ?? name }
}

extension InstanceStatus: ExpressibleByArgument {
  var colour: Colour {
    switch self {
    case .pending, .waiting: .blue
    case .running: .blue
    case .suspended, .cancelled: .yellow
    case .faulted: .red
    case .completed: .green
    }
  }
}
