import Kafka
import Postgres
import Processors
import TestSupport
import Testing
import Values
import Wire

/// The persistence processor on a real broker and a real Postgres.
struct PersistenceTests {
  private func row(_ sequence: Int, equipment: String = "m1") -> JSON {
    [
      "equipment": .string(equipment), "device": "d1", "time": "2024-02-29T12:00:00Z", "job_percent_finished": 12.5,
      "producing": true, "sequence": .number(JSONNumber(sequence)),
    ]
  }

  private func store(_ sequence: Int) -> JSON { ["table": "equipment_status", "row": row(sequence)] }

  private func stored(_ inserted: Int, _ duplicates: Int) -> Reply.Kind {
    .completed([
      "table": "equipment_status", "inserted": .number(JSONNumber(inserted)),
      "duplicates": .number(JSONNumber(duplicates)),
    ])
  }

  @Test func rowsAreStoredRepliedToAndCommitted() async throws {
    let station = try await Station()
    try await station.withProcessor(.persistence(tables: [])) {
      try await station.send((0..<1000).map { station.event("e\($0)", store($0)) })
      let replies = try await station.replies(atLeast: 1000)
      #expect(Set(replies.map(\.causationID)) == Set((0..<1000).map { "e\($0).1" }))
      #expect(replies.allSatisfy { $0.kind == stored(1, 0) })
      #expect(replies.allSatisfy { "instance-\($0.causationID.dropLast(2))" == $0.correlationID })
    }
    #expect(try await station.count("select count(*) from equipment_status") == 1000)
    #expect(try await station.count("select count(distinct sequence) from equipment_status") == 1000)
    #expect(
      try await station.count("select count(*) from processor_inbox where processor = '\(station.channel)'") == 1000)
    let rows = try await station.query("select * from equipment_status where sequence = 7")
    let row = try #require(rows.first)
    #expect(try row.text("equipment") == "m1")
    #expect(try row.timestamp("time") == 1_709_208_000_000_000)
    #expect(try row.double("job_percent_finished") == 12.5)
    #expect(try row.bool("producing"))
    #expect(try await station.committed() == 1000)
  }

  @Test func aRepeatedDeliveryGetsTheStoredReplyAndNoEffect() async throws {
    let station = try await Station()
    // Without a unique constraint a second effect would show.
    let table = try TableDefinition(name: "log", columns: [.init("n", .bigint)], unique: [])
    try await station.execute("create table log (n bigint)")
    let data: JSON = ["table": "log", "row": ["n": 1]]
    try await station.withProcessor(.persistence(tables: [table])) {
      // The same record twice, and another attempt, in one batch and in the next.
      try await station.send([
        station.event("a", data), station.event("a", data), station.event("a", data, attempt: 2),
      ])
      _ = try await station.replies(atLeast: 3)
      try await station.send([station.event("a", ["table": "log", "row": ["n": 2]], attempt: 3)])
      let replies = try await station.replies(atLeast: 4)
      #expect(replies.map(\.causationID) == ["a.1", "a.1", "a.2", "a.3"])
      #expect(Set(replies.map(\.kind)) == [.completed(["table": "log", "inserted": 1, "duplicates": 0])])
    }
    #expect(try await station.count("select count(*) from log") == 1)
    // After a restart the inbox still knows.
    try await station.withProcessor(.persistence(tables: [table])) {
      try await station.send([station.event("a", data, attempt: 4)])
      _ = try await station.replies(atLeast: 5)
    }
    #expect(try await station.count("select count(*) from log") == 1)
  }

  @Test func aRowThatIsThereAlreadyIsADuplicate() async throws {
    let station = try await Station()
    try await station.withProcessor(.persistence(tables: [])) {
      let first = try await station.ask("a", store(1))
      #expect(first == stored(1, 0))
      #expect(try await station.ask("b", store(1)) == stored(0, 1))
      let rows: JSON = ["table": "equipment_status", "rows": [row(1), row(2), row(2), row(3)]]
      #expect(try await station.ask("c", rows) == stored(2, 2))
      // Without a sequence number a reading is still one reading.
      let bare: JSON = [
        "table": "equipment_status",
        "row": ["equipment": "m1", "device": "d1", "time": "2024-02-29T12:00:00Z"],
      ]
      #expect(try await station.ask("d", bare) == stored(1, 0))
      #expect(try await station.ask("e", bare) == stored(0, 1))
      #expect(try await station.ask("f", ["table": "equipment_status", "rows": []]) == stored(0, 0))
    }
    #expect(try await station.count("select count(*) from equipment_status") == 4)
  }

  @Test func whatCannotBeStoredFailsAloneAndForGood() async throws {
    let station = try await Station(partitions: 1)
    try await station.send([
      station.event("good-1", store(1)), station.event("table", ["table": "pg_authid", "row": [:]]),
      station.event("column", ["table": "equipment_status", "row": ["colour": "red"]]),
      station.event("type", ["table": "equipment_status", "row": ["equipment": 5]]),
      station.event("shape", [1, 2]), station.event("good-2", store(2)),
    ])
    try await station.withProcessor(.persistence(tables: [])) {
      let replies = try await station.replies(atLeast: 6)
      let statuses = replies.map { $0.kind.failure?.problem.status }
      #expect(statuses == [nil, 404, 422, 422, 400, nil])
      #expect(replies.allSatisfy { $0.kind.failure?.retryable != true })
      #expect(replies[1].kind.failure?.problem.detail?.contains("there is no table 'pg_authid'") == true)
    }
    #expect(try await station.count("select count(*) from equipment_status") == 2)
  }

  @Test func whatPostgresRefusesFailsAlone() async throws {
    let station = try await Station(partitions: 1)
    try await station.execute("create table measures (n bigint check (n < 100), v numeric(4, 1))")
    let table = try TableDefinition(
      name: "measures", columns: [.init("n", .bigint), .init("v", .numeric)], unique: [])
    try await station.send(
      (0..<50).map { number in
        let value: JSON = number == 30 ? 99_999.9 : 1.5
        return station.event(
          "e\(number)",
          ["table": "measures", "row": ["n": .number(JSONNumber(number == 20 ? 100 : number)), "v": value]])
      })
    try await station.withProcessor(.persistence(tables: [table])) {
      let replies = try await station.replies(atLeast: 50)
      for (number, reply) in replies.enumerated() {
        #expect(reply.causationID == "e\(number).1")
        #expect(reply.kind.failure?.problem.status == ([20, 30].contains(number) ? 422 : nil))
      }
      #expect(replies[20].kind.failure?.problem.detail?.contains("measures_n_check") == true)
      #expect(replies[20].kind.failure?.retryable == false)
    }
    #expect(try await station.count("select count(*) from measures") == 48)
    #expect(try await station.count("select count(*) from processor_inbox") == 50)
  }

  @Test func aTableThatGoesAwayIsNoFaultOfTheEvents() async throws {
    let station = try await Station()
    try await station.execute("create table gone (n bigint)")
    let table = try TableDefinition(name: "gone", columns: [.init("n", .bigint)], unique: [])
    try await station.withProcessor(.persistence(tables: [table])) {
      #expect(try await station.ask("a", ["table": "gone", "row": ["n": 1]]).output != nil)
      try await station.execute("drop table gone")
      let failure = try #require(try await station.ask("b", ["table": "gone", "row": ["n": 2]]).failure)
      #expect(failure.retryable)
      #expect(failure.problem.status == 503)
      try await station.execute("create table gone (n bigint)")
      // A failure that may pass is not remembered: the next attempt acts.
      try await station.send([station.event("b", ["table": "gone", "row": ["n": 2]], attempt: 2)])
      let replies = try await station.replies(atLeast: 3)
      #expect(replies.last?.kind.output != nil)
    }
  }

  @Test func aTableThatIsNotAsDeclaredStopsTheStart() async throws {
    let station = try await Station()
    try await station.execute("create table here (n bigint)")
    for (columns, unique, expected) in [
      ([TableDefinition.Column("n", .bigint), .init("m", .text)], [], "column \"m\""),
      ([.init("n", .bigint)], ["n"], "unique or exclusion constraint"), ([.init("n", .text)], [], "type"),
    ] {
      let table = try TableDefinition(name: "here", columns: columns, unique: unique)
      let processor = try station.start(.persistence(tables: [table]))
      let failure = try #require(await processor.failure() as? ProcessorError)
      #expect(failure.code == .configuration)
      #expect(failure.message.contains("table 'here' is not as it is declared"), "\(failure)")
      #expect(failure.message.contains(expected), "\(failure)")
    }
  }

  @Test func allColumnTypesArriveAsTheyWereSent() async throws {
    let station = try await Station()
    try await station.execute(
      """
      create table kinds (t text, b boolean, i bigint, d double precision, n numeric, z timestamptz, u uuid, j json,
                          k jsonb, s smallint)
      """)
    let table = try TableDefinition(
      name: "kinds",
      columns: [
        .init("t", .text), .init("b", .boolean), .init("i", .bigint), .init("d", .double), .init("n", .numeric),
        .init("z", .timestamp), .init("u", .uuid), .init("j", .json), .init("k", .json), .init("s", .bigint),
      ], unique: [])
    let number = try #require(JSONNumber(text: "123456789012345678901234567890.5"))
    try await station.withProcessor(.persistence(tables: [table])) {
      let reply = try await station.ask(
        "a",
        [
          "table": "kinds",
          "row": [
            "t": "Grüße 🚜", "b": false, "i": 9_223_372_036_854_775_807, "d": 0.1, "n": .number(number),
            "z": "2024-02-29T12:00:00.123456+01:00", "u": "00112233-4455-6677-8899-aabbccddeeff",
            "j": ["b": 1, "a": "\0"], "k": [1, 2], "s": 7,
          ],
        ])
      #expect(reply.output != nil, "\(reply)")
    }
    let rows = try await station.query("select t, b, i, d, n::text as n, u::text as u, j, k, s from kinds")
    let row = try #require(rows.first)
    #expect(try row.text("t") == "Grüße 🚜")
    #expect(try row.int("i") == Int.max)
    #expect(try row.double("d") == 0.1)
    #expect(try row.text("n") == "123456789012345678901234567890.5")
    #expect(try row.text("u") == "00112233-4455-6677-8899-aabbccddeeff")
    #expect(try row.text("j") == #"{"b":1,"a":"\u0000"}"#)
    #expect(try row.text("k") == "[1, 2]")
    #expect(try row.int("s") == 7)
  }

  @Test func pastItsDeadlineAnEventHasNoEffect() async throws {
    let station = try await Station(partitions: 1)
    try await station.send([
      station.event("late", store(1), deadline: .now() - .seconds(1)), station.event("fresh", store(2)),
    ])
    try await station.withProcessor(.persistence(tables: [])) {
      let replies = try await station.replies(atLeast: 1)
      #expect(replies.map(\.causationID) == ["fresh.1"])
      try await poll(within: .seconds(10), "both offsets") { try await station.committed() == 2 ? true : nil }
    }
    #expect(try await station.count("select count(*) from equipment_status") == 1)
    #expect(try await station.count("select count(*) from processor_inbox") == 1)
  }

  @Test func whatIsNoProcessingEventBecomesADeadLetterAndThePartitionGoesOn() async throws {
    let station = try await Station(partitions: 1)
    let topic = Topics.channel(station.channel)
    var broken = station.event("broken", store(1)).encode()
    broken.value = Array("{\"table\":".utf8)
    var headless = station.event("headless", store(1)).encode()
    headless.headers = []
    let deep = Array(String(repeating: "[", count: 10_000).utf8)
    try await station.send([
      broken, headless, OutgoingRecord(topic: topic, partition: 0, key: [1], value: nil),
      OutgoingRecord(topic: topic, partition: 0, key: nil, value: [0xFF, 0xFE]),
      OutgoingRecord(
        topic: topic, partition: 0, key: nil, value: deep, headers: station.event("x", 1).encode().headers),
      station.event("good", store(1)).encode(),
    ])
    try await station.withProcessor(.persistence(tables: [])) {
      let replies = try await station.replies(atLeast: 3)
      #expect(replies.map(\.causationID) == ["broken.1", "x.1", "good.1"])
      #expect(replies[0].kind.failure?.problem.status == 400)
      let letters = try await station.deadLetters(atLeast: 5)
      #expect(letters.map { $0.header("dl_offset") } == ["0", "1", "2", "3", "4"])
      #expect(letters.map(\.value) == [broken.value, headless.value, nil, [0xFF, 0xFE], deep])
      #expect(letters[2].header("dl_reason") == "tombstone")
      #expect(letters[2].key == [1])
      #expect(letters[0].header("ce_id") == "broken.1")
    }
    let warnings = station.logs.all.filter { $0.hasPrefix("warning a record became a dead letter") }
    #expect(warnings.count == Set(warnings.map { $0.split(separator: ":").prefix(3) }).count)
  }
}
