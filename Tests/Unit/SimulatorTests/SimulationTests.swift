import Kafka
import Simulator
import Testing
import Values
import Wire

@Suite("Simulator")
struct SimulationTests {
  private func options(seed: UInt64 = 7, count: Int? = 5_000) -> SimulationOptions {
    SimulationOptions(
      devices: 4, equipmentsPerDevice: 2, interval: .milliseconds(100), seed: seed,
      start: Timestamp(microseconds: 1_700_000_000_000_000), count: count, topic: "q")
  }

  private func readings(_ options: SimulationOptions) -> [Reading] {
    Simulation(options).compactMap { if case .reading(let reading) = $0.kind { reading } else { nil } }
  }

  @Test func theSameSeedGivesTheSameRecords() {
    var options = options()
    options.duplicatesPercent = 2
    options.garbagePercent = 2
    let first = Simulation(options).map(\.record)
    #expect(first == Simulation(options).map(\.record))
    options.seed += 1
    #expect(first != Simulation(options).map(\.record))
  }

  /// A change of these numbers breaks runs that are to be repeatable.
  @Test func isRepeatableAcrossVersions() throws {
    let data = try #require(Simulation(options()).first { _ in true }).record.value
    #expect(
      String(decoding: data ?? [], as: UTF8.self)
        == #"{"equipment":"equipment-1-1","device":"device-1","bootId":"ea99c9f87333f7fa","sequence":1,"#
        + #""timestamp":"2023-11-14T22:13:20.000Z","jobPercentFinished":34.1,"producing":true}"#)
  }

  @Test func readingsAreSpreadOverTheFleet() {
    let readings = readings(options())
    #expect(readings.count == 5_000)
    #expect(Set(readings.map(\.equipment)).count == 8)
    #expect(Set(readings.map(\.device)) == ["device-1", "device-2", "device-3", "device-4"])
    #expect(Set(readings.map(\.bootID)).count == 4)
    #expect(Set(readings.map(\.event.id)).count == 5_000)
    for (equipment, own) in Dictionary(grouping: readings, by: \.equipment) {
      #expect(own.map(\.sequence) == Array(1...625), "\(equipment)")
      #expect(zip(own, own.dropFirst()).allSatisfy { $1.time - $0.time == .milliseconds(100) })
    }
    let emissions = Array(Simulation(options(count: 100)))
    #expect(emissions[9].due == .microseconds(112_500))
    for (emission, reading) in zip(emissions, readings) {
      #expect(emission.due == reading.time - Timestamp(microseconds: 1_700_000_000_000_000))
    }
  }

  @Test func bootIDsDifferBetweenRuns() {
    let boots = (0..<1_000).map { seed in readings(options(seed: seed, count: 1))[0].bootID }
    #expect(Set(boots).count == 1_000)
  }

  @Test func jobsLookLikeJobs() {
    var finished = 0
    var interrupted = 0
    for (_, own) in Dictionary(grouping: readings(options(count: 16_000)), by: \.equipment) {
      for (before, after) in zip(own, own.dropFirst()) {
        let isRight =
          if after.producing && before.jobPercentFinished < 100 {
            after.jobPercentFinished >= before.jobPercentFinished
          } else if after.producing {
            // Only a finished job is followed by a new one, from the beginning.
            after.jobPercentFinished == 0
          } else {
            after.jobPercentFinished == before.jobPercentFinished || after.jobPercentFinished == 100
          }
        if !isRight || !(0...100).contains(after.jobPercentFinished) { Issue.record("\(after) after \(before)") }
        if after.jobPercentFinished == 100 && before.jobPercentFinished < 100 { finished += 1 }
        if !after.producing && after.jobPercentFinished < 100 && before.producing { interrupted += 1 }
      }
    }
    #expect((120...600).contains(finished), "\(finished)")
    #expect((80...480).contains(interrupted), "\(interrupted)")
  }

  @Test func eventsAreWhatTheMediatorReads() throws {
    for emission in Simulation(options(count: 50)) {
      guard case .reading(let reading) = emission.kind else { continue }
      let event = try CloudEventCodec.decode(stored(emission.record), binding: nil)
      #expect(event == reading.event)
      #expect(event.type == "equipment.status")
      #expect(event.source == "/devices/\(reading.device)")
      #expect(event.id == "\(reading.device)/\(reading.bootID)/\(reading.equipment)/\(reading.sequence)")
      #expect(event.time == reading.time.rfc3339)
      #expect(event.data?["jobPercentFinished"]?.double == reading.jobPercentFinished)
      #expect(event.data?["bootId"]?.string == reading.bootID)
      #expect(emission.record.key == Array(reading.equipment.utf8))
    }
  }

  @Test func bareRecordsAreTheDataAlone() throws {
    var options = options(count: 50)
    options.format = .bare
    for emission in Simulation(options) {
      guard case .reading(let reading) = emission.kind else { continue }
      #expect(emission.record.headers.isEmpty)
      #expect(try JSON.parse(emission.record.value ?? []) == reading.data)
    }
  }

  @Test(arguments: SimulationOptions.Format.allCases)
  func garbageIsRefusedAndNothingElse(format: SimulationOptions.Format) {
    var options = options(count: 8_000)
    options.format = format
    options.garbagePercent = 5
    let binding = format == .bare ? EventBinding(type: Reading.eventType, source: "/devices") : nil
    var kinds: [Garbage: Int] = [:]
    for emission in Simulation(options) {
      let event = try? CloudEventCodec.decode(stored(emission.record), binding: binding)
      let isAcceptable = event?.type == Reading.eventType
      if case .garbage(let kind) = emission.kind {
        kinds[kind, default: 0] += 1
        if isAcceptable { Issue.record("\(kind) can be read") }
      } else if !isAcceptable {
        Issue.record("a reading cannot be read")
      }
    }
    #expect(kinds.count == (format == .bare ? 7 : Garbage.allCases.count))
    #expect((320...480).contains(kinds.values.reduce(0, +)))
  }

  @Test func duplicatesComeLaterAndAreTheSame() {
    var options = options(count: 8_000)
    options.duplicatesPercent = 5
    options.garbagePercent = 1
    var sent: [String: OutgoingRecord] = [:]
    var duplicates = 0
    for emission in Simulation(options) {
      switch emission.kind {
      case .reading(let reading): sent[reading.event.id] = emission.record
      case .duplicate(let reading):
        duplicates += 1
        if sent[reading.event.id] != emission.record { Issue.record("\(reading) differs, or came first") }
      case .garbage: break
      }
    }
    #expect((320...480).contains(duplicates))
    // Faults change no reading, and are themselves repeatable.
    let plain = self.options(count: 8_000)
    #expect(readings(options) == readings(plain))
  }

  @Test func everyReadingTwiceMeansEveryOne() {
    var options = options(count: 1_000)
    options.duplicatesPercent = 100
    let kinds = Simulation(options).map(\.kind)
    #expect(kinds.count == 2_000)
    #expect(Set(kinds).count == 2_000)
  }

  @Test func goesOnForEverWithoutACount() {
    #expect(Array(Simulation(options(count: nil)).prefix(6_000)).count == 6_000)
    #expect(Simulation(options(count: 0)).first { _ in true } == nil)
  }

  private func stored(_ outgoing: OutgoingRecord) -> KafkaRecord {
    KafkaRecord(
      topic: outgoing.topic, partition: 0, offset: 0, key: outgoing.key, value: outgoing.value,
      headers: outgoing.headers)
  }
}
