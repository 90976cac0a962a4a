import Kafka
import Postgres
import Processors
import TestSupport
import Testing
import Values
import Wire

/// The alerts processor on a real broker and a real Postgres.
struct AlertsTests {
  private static func rules() throws -> [AlertRule] {
    [
      try AlertRule(
        name: "hot", field: "temperature", condition: .above(JSONNumber(90), clear: JSONNumber(80)),
        severity: "critical"),
      try AlertRule(name: "stopped", field: "producing", condition: .equals(false)),
    ]
  }

  private func data(_ equipment: String, _ second: Int, temperature: Int, producing: Bool = true) -> JSON {
    [
      "equipment": .string(equipment), "time": .string((start + .seconds(second)).rfc3339),
      "sequence": .number(JSONNumber(second)),
      "values": ["temperature": .number(JSONNumber(temperature)), "producing": .bool(producing)],
    ]
  }

  private let start = Timestamp(microseconds: 1_709_208_000_000_000)

  @Test func anAlertIsRaisedOnceAndClearedOnce() async throws {
    let station = try await Station()
    try await station.withProcessor(.alerts(rules: try Self.rules())) {
      var states: [String?] = []
      for (second, temperature) in [85, 95, 99, 85, 80, 70, 91].enumerated() {
        let reply = try await station.ask("e\(second)", data("m1", second, temperature: temperature))
        states.append(reply.output?["state"]?.string)
        if second == 1 {
          #expect(
            reply.output == [
              "state": "raised",
              "transitions": [
                [
                  "rule": "hot", "state": "raised", "value": 95, "threshold": 90, "severity": "critical",
                  "message": "m1: temperature is 95 (hot)",
                ]
              ],
            ])
        }
      }
      #expect(states == ["none", "raised", "none", "none", "cleared", "none", "raised"])
    }
    #expect(try await station.count("select count(*) from alerts") == 3)
    let rows = try await station.query("select * from alert_state")
    #expect(rows.count == 1)
    #expect(try #require(rows.first).text("state") == "raised")
  }

  @Test func anOlderReadingChangesNothing() async throws {
    let station = try await Station()
    try await station.withProcessor(.alerts(rules: try Self.rules())) {
      _ = try await station.ask("new", data("m1", 10, temperature: 50))
      let late = try await station.ask("late", data("m1", 9, temperature: 99))
      #expect(late.output == ["state": "none", "transitions": []])
    }
    #expect(try await station.count("select count(*) from alerts") == 0)
    #expect(try await station.count("select sequence from alert_readings") == 10)
  }

  @Test func badReadingsFailAlone() async throws {
    let station = try await Station(partitions: 1)
    try await station.send([
      station.event("a", ["values": [:]]), station.event("b", data("m1", 1, temperature: 99)),
      station.event("c", ["equipment": "m1", "values": ["temperature": "hot"]]),
    ])
    try await station.withProcessor(.alerts(rules: try Self.rules())) {
      let replies = try await station.replies(atLeast: 3)
      #expect(replies.map { $0.kind.failure?.problem.status } == [400, nil, 422])
    }
    #expect(try await station.count("select count(*) from alerts") == 1)
  }

  private struct Transition: Hashable {
    let equipment: String
    let sequence: Int
    let rule: String
    let state: String
  }

  /// Written without a look at the processor's rules: one equipment after the other, in the order of time.
  private func expected(_ readings: [(equipment: String, second: Int, temperature: Int, producing: Bool)]) -> Set<
    Transition
  > {
    var result: Set<Transition> = []
    for (equipment, readings) in Dictionary(grouping: readings, by: \.equipment) {
      var hot = false
      var stopped = false
      for reading in readings.sorted(by: { $0.second < $1.second }) {
        func note(_ rule: String, _ raised: Bool) {
          result.insert(
            Transition(
              equipment: equipment, sequence: reading.second, rule: rule, state: raised ? "raised" : "cleared"))
        }
        if hot ? reading.temperature <= 80 : reading.temperature > 90 {
          hot.toggle()
          note("hot", hot)
        }
        if stopped == reading.producing {
          stopped.toggle()
          note("stopped", stopped)
        }
      }
    }
    return result
  }

  /// Readings of many equipments, some sent twice, while members come and go and the database is cut off.
  @Test func transitionsMatchAnIndependentComputation() async throws {
    let server = try await PostgresServer.shared
    let name = try await server.newDatabase("processors")
    let proxy = try TCPProxy(to: server.port)
    let station = try await Station(partitions: 4, database: server.databaseURL(name, through: proxy.port))
    let kind = ProcessorOptions.Kind.alerts(rules: try Self.rules())
    var generator = SystemRandomNumberGenerator()
    let readings = (0..<3000).map { number in
      (
        equipment: "m\(number % 23)", second: number,
        temperature: Int.random(in: 70...100, using: &generator), producing: Int.random(in: 0..<5) > 0
      )
    }
    let first = try station.start(kind)
    let sending = Task {
      for start in stride(from: 0, to: readings.count, by: 100) {
        let events = readings[start..<start + 100].flatMap { reading in
          let event = station.event(
            "e\(reading.second)",
            data(reading.equipment, reading.second, temperature: reading.temperature, producing: reading.producing),
            partitionKey: reading.equipment)
          return reading.second % 7 == 0 ? [event, event] : [event]
        }
        try await station.send(events)
        // The pace of the load.
        try await Task.sleep(for: .milliseconds(60))
      }
    }
    for round in 0..<10 {
      // When the connection is cut is left to chance.
      try await Task.sleep(for: .milliseconds(Int.random(in: 50...150)))
      if round != 5 { proxy.cut() }
    }
    let second = try station.start(kind)
    try await sending.value
    let keys = Set(readings.map { "e\($0.second).1" })
    let replies = try await poll(within: .seconds(90), every: .milliseconds(500), "all replies") {
      let replies = try await station.replies(atLeast: 0)
      return Set(replies.map(\.causationID)).isSuperset(of: keys) ? replies : nil
    }
    try await first.stop()
    try await second.stop()

    let expected = expected(readings)
    var stored: [Transition] = []
    for row in try await station.query("select equipment, sequence, rule, state from alerts") {
      stored.append(
        Transition(
          equipment: try row.text(0), sequence: try row.int(1), rule: try row.text(2), state: try row.text(3)))
    }
    #expect(stored.count == expected.count)
    #expect(Set(stored) == expected)
    // What was replied says the same, however often it was replied.
    var told: Set<Transition> = []
    for reply in replies {
      guard let sequence = Int(reply.causationID.dropFirst().dropLast(2)) else { continue }
      for transition in reply.kind.output?["transitions"]?.array ?? [] {
        told.insert(
          Transition(
            equipment: "m\(sequence % 23)", sequence: sequence, rule: transition["rule"]?.string ?? "",
            state: transition["state"]?.string ?? ""))
      }
    }
    #expect(told == expected)
  }
}
