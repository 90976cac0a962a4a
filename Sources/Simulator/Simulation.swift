import Kafka
import Values
import Wire

/// A fleet of edge devices, as the sequence of records that they send.
///
/// Pure: what it gives follows from the options alone. Turning duplicates or garbage on changes no reading.
public struct Simulation: Sequence, IteratorProtocol, Sendable {
  /// One record to be sent.
  public struct Emission: Sendable {
    public enum Kind: Sendable, Hashable {
      case reading(Reading)
      /// A record that was sent before, once more.
      case duplicate(Reading)
      case garbage(Garbage)
    }

    public var kind: Kind
    public var record: OutgoingRecord
    /// When to send it, after the start.
    public var due: Duration
  }

  private let options: SimulationOptions
  private let garbageKinds: [Garbage]
  private var fleet: [SimulatedEquipment]
  private var faults: SeededGenerator
  private var readings = 0
  /// Duplicates that are due once so many readings have been made.
  private var repeats: [(afterReadings: Int, emission: Emission)] = []
  private var ready: [Emission] = []

  public init(_ options: SimulationOptions) {
    self.options = options
    garbageKinds = Garbage.kinds(of: options.format)
    faults = SeededGenerator(seed: options.seed, stream: 0)
    fleet = []
    var boots = SeededGenerator(seed: options.seed, stream: 1)
    for device in 1...Swift.max(options.devices, 1) {
      let boot = String(boots.next() | 1 << 63, radix: 16)
      for equipment in 1...Swift.max(options.equipmentsPerDevice, 1) {
        fleet.append(
          SimulatedEquipment(
            name: "equipment-\(device)-\(equipment)", device: "device-\(device)", bootID: boot,
            random: SeededGenerator(seed: options.seed, stream: UInt64(fleet.count) + 2)))
      }
    }
  }

  public mutating func next() -> Emission? {
    if ready.isEmpty { fill() }
    return ready.isEmpty ? nil : ready.removeFirst()
  }

  private mutating func fill() {
    if let count = options.count, readings >= count {
      ready = repeats.map(\.emission)
      repeats = []
      return
    }
    let due = self.due
    let reading = nextReading()
    let record = record(of: reading)
    ready.append(Emission(kind: .reading(reading), record: record, due: due))
    if faults.happens(percent: options.garbagePercent) { ready.append(garbage(like: reading, due: due)) }
    if faults.happens(percent: options.duplicatesPercent) {
      let place = readings + faults.number(in: 0...20)
      repeats.append((place, Emission(kind: .duplicate(reading), record: record, due: due)))
    }
    while let place = repeats.firstIndex(where: { $0.afterReadings <= readings }) {
      var emission = repeats.remove(at: place).emission
      emission.due = due
      ready.append(emission)
    }
  }

  /// Readings are spread evenly: each equipment has its own place in the interval.
  private var due: Duration {
    let (seconds, attoseconds) = options.interval.components
    let interval = seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    let (rounds, place) = readings.quotientAndRemainder(dividingBy: fleet.count)
    return .microseconds(Int64(rounds) * interval + interval * Int64(place) / Int64(fleet.count))
  }

  private mutating func nextReading() -> Reading {
    let time = options.start + due
    let place = readings % fleet.count
    let state = fleet[place].advance()
    readings += 1
    return Reading(
      equipment: fleet[place].name, device: fleet[place].device, bootID: fleet[place].bootID,
      sequence: state.sequence, time: time, jobPercentFinished: Double(state.progress) / 10,
      producing: state.producing)
  }

  private func record(of reading: Reading) -> OutgoingRecord {
    let key = Array(reading.equipment.utf8)
    return switch options.format {
    case .cloudevent: CloudEventCodec.encode(reading.event, topic: options.topic, key: key)
    case .bare: OutgoingRecord(topic: options.topic, key: key, value: reading.data.serialized())
    }
  }

  private mutating func garbage(like reading: Reading, due: Duration) -> Emission {
    let kind = garbageKinds[faults.number(in: 0...garbageKinds.count - 1)]
    var event = reading.event
    // An id of its own, so that it is never taken for the reading sent twice.
    event.id += "/garbage"
    var record =
      options.format == .bare
      ? record(of: reading) : CloudEventCodec.encode(event, topic: options.topic, key: Array(reading.equipment.utf8))
    kind.spoil(&record)
    return Emission(kind: .garbage(kind), record: record, due: due)
  }
}
