import Kafka
import Values

/// The readings on a queue topic, decoded here by hand: an independent look at what the system was given.
struct Readings {
  struct Reading: Hashable {
    let eventID: String
    let equipment: String
    let device: String
    let sequence: Int
    let time: String
    let percent: Double
    let producing: Bool
  }

  /// Each event once, in the order of its first record.
  private(set) var unique: [Reading] = []
  /// Records that repeat an event.
  private(set) var duplicates = 0
  /// Records that are no event.
  private(set) var garbage = 0
  /// Where these are: `topic/partition@offset`.
  private(set) var garbagePlaces: Set<String> = []

  init(_ records: [KafkaRecord]) {
    var seen: Set<String> = []
    for record in records {
      guard let reading = Self.decode(record) else {
        garbage += 1
        garbagePlaces.insert("\(record.topic)/\(record.partition)@\(record.offset)")
        continue
      }
      if seen.insert(reading.eventID).inserted { unique.append(reading) } else { duplicates += 1 }
    }
  }

  private static func decode(_ record: KafkaRecord) -> Reading? {
    func header(_ name: String) -> String? {
      record.headers.first { $0.name == name }?.value.map { String(decoding: $0, as: UTF8.self) }
    }
    guard let id = header("ce_id"), header("ce_specversion") == "1.0", header("ce_type") == "equipment.status",
      let value = record.value,
      let json = try? JSON.parse(value), let equipment = json["equipment"]?.string,
      let device = json["device"]?.string, let sequence = json["sequence"]?.int, let time = json["timestamp"]?.string,
      let percent = json["jobPercentFinished"]?.double, let producing = json["producing"]?.bool
    else { return nil }
    return Reading(
      eventID: id, equipment: equipment, device: device, sequence: sequence,
      time: time, percent: percent, producing: producing)
  }

  /// An alert that the built-in rules must have given: a job nearly finished (raised above 95, cleared at 50 or below),
  /// and an equipment that stands still. Written without a look at the processor's code.
  struct Transition: Hashable, Comparable, CustomStringConvertible {
    let equipment: String
    let sequence: Int
    /// Of the reading, in microseconds since 1970: two runs of the simulator count their sequences from the start.
    let time: Int64
    let rule: String
    let state: String

    var description: String { "\(reading) \(rule) \(state)" }
    var reading: String { "\(equipment)#\(sequence)@\(time)" }
    static func < (left: Self, right: Self) -> Bool { left.description < right.description }
  }

  func expectedTransitions() -> Set<Transition> {
    var transitions: Set<Transition> = []
    for (equipment, readings) in Dictionary(grouping: unique, by: \.equipment) {
      var nearlyFinished = false
      var standing = false
      for reading in readings.sorted(by: { ($0.time, $0.sequence) < ($1.time, $1.sequence) }) {
        func note(_ rule: String, _ state: String) {
          transitions.insert(
            Transition(
              equipment: equipment, sequence: reading.sequence,
              time: Timestamp(rfc3339: reading.time)?.microseconds ?? 0, rule: rule, state: state))
        }
        if !nearlyFinished && reading.percent > 95 {
          nearlyFinished = true
          note("job-nearly-finished", "raised")
        } else if nearlyFinished && reading.percent <= 50 {
          nearlyFinished = false
          note("job-nearly-finished", "cleared")
        }
        if standing == reading.producing {
          standing = !reading.producing
          note("not-producing", standing ? "raised" : "cleared")
        }
      }
    }
    return transitions
  }
}
