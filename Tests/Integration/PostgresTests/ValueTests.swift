import Postgres
import TestSupport
import Testing

@Suite struct ValueTests {
  private func row(_ sql: String, _ values: [PostgresValue]) async throws -> PostgresRow {
    let connection = try await PostgresServer.shared.connect()
    let rows = try await connection.query(sql, values)
    await connection.close()
    return rows[0]
  }

  @Test func scalarsRoundTrip() async throws {
    let uuid = PostgresUUID(high: 0x0123_4567_89ab_cdef, low: 0xfedc_ba98_7654_3210)
    let row = try await row(
      """
      SELECT $1 AS b, $2 AS i2, $3 AS i4, $4 AS i8, $5 AS d, $6 AS t, $7 AS u, $8 AS ts, $9 AS n,
        $7::text AS ut, to_char($8 AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') AS tst
      """,
      [
        .bool(true), .int2(.min), .int4(.min), .int8(.min), .double(-0.1), .text("grüße 🚀 '\"\\"), .uuid(uuid),
        .timestamp(1_700_000_000_123_456), .null,
      ])
    #expect(try row.bool("b") == true)
    #expect(try row.int("i2") == Int(Int16.min))
    #expect(try row.int("i4") == Int(Int32.min))
    #expect(try row.int64("i8") == .min)
    #expect(try row.double("d") == -0.1)
    #expect(try row.text("t") == "grüße 🚀 '\"\\")
    #expect(try row.uuid("u") == uuid)
    #expect(try row.text("ut") == "01234567-89ab-cdef-fedc-ba9876543210")
    #expect(try row.timestamp("ts") == 1_700_000_000_123_456)
    #expect(try row.text("tst") == "2023-11-14 22:13:20.123456")
    #expect(try row.isNull("n"))
  }

  @Test(arguments: [Double.infinity, -.infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude, -0.0])
  func doublesRoundTrip(value: Double) async throws {
    let row = try await row("SELECT $1", [.double(value)])
    #expect(try row.double(0).bitPattern == value.bitPattern)
  }

  @Test(arguments: [Int64(0), -1, -62_135_596_800_000_000, 253_402_300_799_999_999])
  func timestampsRoundTrip(value: Int64) async throws {
    let row = try await row("SELECT $1, ($1 AT TIME ZONE 'UTC')::timestamp", [.timestamp(value)])
    #expect(try row.timestamp(0) == value)
    #expect(try row.timestamp(1) == value)
  }

  @Test func bytesAreKept() async throws {
    let bytes: [UInt8] = [0, 1, 0, 255, 92, 39] + (0...255)
    let row = try await row("SELECT $1, $2", [.bytes(bytes), .bytes([])])
    #expect(try row.bytes(0) == bytes)
    #expect(try row.bytes(1) == [])
  }

  @Test func jsonIsKeptByteByByte() async throws {
    let json = Array(#"{ "b":1,  "a":"x\u0000y", "a":12345678901234567890.10, "e":1e400 }"#.utf8)
    let row = try await row("SELECT $1 AS j, $2::jsonb AS b", [.json(json), .json(Array(#"{"b":1, "a":2}"#.utf8))])
    #expect(try row.bytes("j") == json)
    #expect(try row.bytes("b") == Array(#"{"a": 2, "b": 1}"#.utf8))
    #expect(try row.text("b") == #"{"a": 2, "b": 1}"#)
  }

  @Test func arraysWithNullsRoundTrip() async throws {
    let uuid = PostgresUUID(high: 1, low: 2)
    let row = try await row(
      "SELECT $1 AS b, $2 AS i4, $3 AS i8, $4 AS d, $5 AS t, $6 AS j, $7 AS y, $8 AS u, $9 AS ts",
      [
        .bools([true, nil, false]), .int4s([1, nil, .max]), .int8s([nil, .min]), .doubles([0.5, nil]),
        .texts(["", nil, "a,{}\"NULL"]), .jsons([Array("[1, 2]".utf8), nil]), .bytesArray([[0, 0], nil, []]),
        .uuids([uuid, nil]), .timestamps([0, nil, 946_684_800_000_000]),
      ])
    #expect(try row.bools("b") == [true, nil, false])
    #expect(try row.ints("i4") == [1, nil, Int(Int32.max)])
    #expect(try row.int64s("i8") == [nil, .min])
    #expect(try row.doubles("d") == [0.5, nil])
    #expect(try row.texts("t") == ["", nil, "a,{}\"NULL"])
    #expect(try row.bytesArray("j") == [Array("[1, 2]".utf8), nil])
    #expect(try row.bytesArray("y") == [[0, 0], nil, []])
    #expect(try row.uuids("u") == [uuid, nil])
    #expect(try row.timestamps("ts") == [0, nil, 946_684_800_000_000])
  }

  @Test func emptyArraysRoundTrip() async throws {
    let row = try await row("SELECT $1, $2, cardinality($3)", [.int4s([]), .texts([]), .bytesArray([])])
    #expect(try row.ints(0) == [])
    #expect(try row.texts(1) == [])
    #expect(try row.int(2) == 0)
  }

  @Test func enumerationsAndNamesAreText() async throws {
    let server = try await PostgresServer.shared
    let connection = try await server.connect(server.newDatabase("values"))
    try await connection.execute(script: "CREATE TYPE mood AS ENUM ('calm', 'tense')")
    let rows = try await connection.query("SELECT $1::mood, current_database(), 'x'::varchar(3)", [.text("calm")])
    #expect(try rows[0].text(0) == "calm")
    #expect(try rows[0].text(1).hasPrefix("values_"))
    #expect(try rows[0].text(2) == "x")
    await connection.close()
  }

  @Test func wrongReadsAreTypedErrors() async throws {
    let row = try await row("SELECT 1 AS i, NULL::int8 AS n, 1.5::numeric AS d, 'infinity'::timestamptz AS t", [])
    let reads: [() throws -> Void] = [
      { _ = try row.text("i") }, { _ = try row.int("n") }, { _ = try row.double("d") }, { _ = try row.timestamp("t") },
      { _ = try row.int("none") }, { _ = try row.int(4) }, { _ = try row.int(-1) }, { _ = try row.ints("i") },
    ]
    for read in reads {
      let error = #expect(throws: PostgresError.self) { try read() }
      #expect(error?.code == .decoding)
    }
    #expect(try row.optionalInt("n") == nil)
    #expect(try row.optionalInt("i") == 1)
  }

  @Test func whatCannotBeSentIsRefusedBeforehand() async throws {
    let connection = try await PostgresServer.shared.connect()
    for value in [PostgresValue.timestamp(.min), .timestamps([0, .min])] {
      let error = await #expect(throws: PostgresError.self) { try await connection.query("SELECT $1", [value]) }
      #expect(error?.code == .encoding)
    }
    let many = await #expect(throws: PostgresError.self) {
      try await connection.query("SELECT 1", Array(repeating: .int4(1), count: 65_536))
    }
    #expect(many?.code == .encoding)
    let zero = await #expect(throws: PostgresError.self) { try await connection.query("SELECT $1", [.text("a\0b")]) }
    #expect(zero?.sqlState == "22021")
    #expect(try await connection.query("SELECT 1").count == 1)
    await connection.close()
  }
}
