import Postgres
import Testing
import Values
import Wire

@testable import Processors

struct TableRowsTests {
  private let reader = TableRowsReader(tables: [.equipmentStatus])

  private let row: JSON = [
    "equipment": "m1", "device": "d1", "time": "2024-02-29T12:00:00.5Z", "job_percent_finished": 12.5,
    "producing": true, "sequence": 7,
  ]

  private func refusal(_ data: JSON) -> (Int, String)? {
    reader.read(data).refusal.map { ($0.problem.status, $0.problem.detail ?? "") }
  }

  private func refusal(setting name: String, to value: JSON?) -> (Int, String)? {
    guard var members = row.object else { return nil }
    members[name] = value
    return refusal(["table": "equipment_status", "row": .object(members)])
  }

  @Test func aRowIsRead() {
    let work = reader.read(["table": "equipment_status", "row": row]).work
    let expected: [Cell] = [
      .text("m1"), .text("d1"), .timestamp(1_709_208_000_500_000), .double(12.5), .boolean(true), .bigint(7),
    ]
    #expect(work == TableRows(table: 0, rows: [expected]))
  }

  @Test func severalRowsAreRead() {
    #expect(reader.read(["table": "equipment_status", "rows": [row, row]]).work?.rows.count == 2)
    #expect(reader.read(["table": "equipment_status", "rows": []]).work?.rows.count == 0)
  }

  @Test func whatMayBeMissingBecomesNull() {
    let work = reader.read([
      "table": "equipment_status",
      "row": ["equipment": "m1", "device": "d1", "time": "2024-02-29T12:00:00Z", "producing": nil],
    ]).work
    #expect(work?.rows.first?.suffix(3) == [.null, .null, .null])
  }

  @Test(arguments: [
    ("null", 400), (#"{"table":"equipment_status"}"#, 400), (#"{"row":{}}"#, 400), (#"{"table":5,"row":{}}"#, 400),
    (#"{"table":"equipment_status","row":3}"#, 400), (#"{"table":"equipment_status","rows":{}}"#, 400),
    (#"{"table":"equipment_status","row":{},"rows":[]}"#, 400), (#"{"table":"other","row":{}}"#, 404),
    (#"{"table":"equipment_status; drop table alerts","row":{}}"#, 404),
    (#"{"table":"equipment_status","row":{},"schema":"x"}"#, 400),
  ])
  func whatMakesNoSenseIsRefused(text: String, status: Int) throws {
    let data = try JSON.parse(text)
    #expect(refusal(data)?.0 == status)
    #expect(reader.read(data).refusal?.retryable == false)
  }

  @Test func anUnknownColumnIsRefusedByName() throws {
    let (status, detail) = try #require(refusal(setting: "colour", to: "red"))
    #expect(status == 422)
    #expect(detail == "with.row has 'colour', which is no column of table 'equipment_status'")
  }

  @Test(arguments: [
    ("equipment", "5"), ("equipment", #""a\u0000b""#), ("device", "null"), ("time", #""yesterday""#),
    ("time", "1709208000"), ("job_percent_finished", #""12""#), ("producing", #""true""#), ("producing", "1"),
    ("sequence", "7.5"), ("sequence", #""7""#),
  ])
  func aWrongTypeIsRefusedWithItsPlace(column: String, text: String) throws {
    let value = try JSON.parse(text)
    let (status, detail) = try #require(refusal(setting: column, to: value))
    #expect(status == 422)
    #expect(detail.hasPrefix("with.row.\(column) "))
  }

  @Test func aRequiredColumnMustBeThere() throws {
    let (status, detail) = try #require(refusal(setting: "time", to: nil))
    #expect(status == 422)
    #expect(detail.contains("with.row.time is missing"))
  }

  @Test func theSecondRowsMistakeIsFoundThere() throws {
    let (_, detail) = try #require(refusal(["table": "equipment_status", "rows": [row, ["equipment": "m1"]]]))
    #expect(detail.hasPrefix("with.rows[1].device"))
  }

  @Test(arguments: ["1e400", "9007199254740993", "123456789012345678901234567890"])
  func aNumberIsNeverChangedInSilence(text: String) throws {
    let number = try #require(JSONNumber(text: text))
    #expect(refusal(setting: "job_percent_finished", to: .number(number))?.0 == 422)
    #expect(ColumnType.numeric.cell(.number(number)) == .text(text))
  }

  @Test func numbersOfTheColumnsSizeAreTaken() throws {
    #expect(ColumnType.bigint.cell(.number(try #require(JSONNumber(text: "9223372036854775807")))) == .bigint(.max))
    #expect(ColumnType.bigint.cell(.number(try #require(JSONNumber(text: "9223372036854775808")))) == nil)
    #expect(ColumnType.bigint.cell(.number(try #require(JSONNumber(text: "3.0")))) == .bigint(3))
    #expect(ColumnType.double.cell(0.1) == .double(0.1))
  }

  @Test func otherTypes() {
    #expect(ColumnType.json.cell(["a\0": [1]]) == .json(Array(#"{"a\u0000":[1]}"#.utf8)))
    #expect(ColumnType.uuid.cell("no") == nil)
    #expect(ColumnType.uuid.cell("00000000-0000-0000-0000-000000000001") != nil)
    for type in ColumnType.allCases { #expect(type.cell(.null) == .null) }
  }

  @Test func aTableMustMakeSense() {
    #expect(throws: ProcessorError.self) { try TableDefinition(name: "t", columns: [], unique: []) }
    #expect(throws: ProcessorError.self) {
      try TableDefinition(name: "t", columns: [.init("a", .text), .init("a", .text)], unique: [])
    }
    #expect(throws: ProcessorError.self) {
      try TableDefinition(name: "t", columns: [.init("a", .text)], unique: ["b"])
    }
  }

  @Test func namesAreQuoted() throws {
    let table = try TableDefinition(
      name: #"s.we"ird"#, columns: [.init(#"a"b"#, .text), .init("n", .numeric)], unique: ["n"])
    #expect(
      TableSQL(table).insert == """
        insert into "s"."we""ird" ("a""b", "n") select u.c0, u.c1::numeric \
        from unnest($1::text[], $2::text[]) as u(c0, c1) on conflict ("n") do nothing returning "n"
        """)
  }
}

struct InsertPlanTests {
  private func work(_ table: Int, _ values: Int64...) -> TableRows {
    TableRows(table: table, rows: values.map { [.bigint($0)] })
  }

  @Test func rowsAreGroupedByTable() {
    let plan = InsertPlan([work(0, 1, 2), work(1, 9), work(0, 3), work(0)])
    #expect(plan.groups.map(\.table) == [0, 1])
    #expect(plan.groups[0].rows == [[.bigint(1)], [.bigint(2)], [.bigint(3)]])
    #expect(plan.groups[0].owners == [0, 0, 2])
  }

  @Test func insertedRowsAreCountedForTheirEvent() {
    let group = InsertPlan([work(0, 1, 2), work(0, 2, 3)]).groups[0]
    var counts = [0, 0]
    group.count(insertedKeys: nil, key: { $0 }, into: &counts)
    #expect(counts == [2, 2])
    counts = [0, 0]
    // 2 is twice in the statement: the first is inserted, for the first event.
    group.count(insertedKeys: [[.bigint(1)], [.bigint(2)], [.bigint(3)]], key: { $0 }, into: &counts)
    #expect(counts == [2, 1])
    counts = [0, 0]
    group.count(insertedKeys: [[.bigint(3)]], key: { $0 }, into: &counts)
    #expect(counts == [0, 1])
  }
}
