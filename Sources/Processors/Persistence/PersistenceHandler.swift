import Postgres
import Values
import Wire

/// Stores rows: `with: {table, row}` or `{table, rows}`; replies `{table, inserted, duplicates}`.
public struct PersistenceHandler: PostgresHandler {
  private let reader: TableRowsReader
  private let statements: [TableSQL]

  /// - Parameter tables: `equipment_status` is added unless one of that name is among them.
  public init(tables: [TableDefinition] = []) {
    let isDeclared = tables.contains { $0.name == TableDefinition.equipmentStatus.name }
    let all = isDeclared ? tables : [.equipmentStatus] + tables
    reader = TableRowsReader(tables: all)
    statements = all.map { TableSQL($0) }
  }

  public func validate(_ event: ProcessorEvent) -> Validated<TableRows> { reader.read(event.data) }

  public func apply(
    _ works: [BatchWork<TableRows>], in transaction: BatchTransaction
  ) async throws(PostgresError) -> AppliedBatch {
    let plan = InsertPlan(works.map(\.work))
    let results = try await transaction.run(plan.groups.map { statements[$0.table].statement($0.rows) })
    var inserted = [Int](repeating: 0, count: works.count)
    for (group, result) in zip(plan.groups, results) {
      // Nearly always everything was new; only then can it be told without looking.
      let keys = result.affected == group.rows.count ? nil : try statements[group.table].keys(result)
      group.count(insertedKeys: keys, key: statements[group.table].key, into: &inserted)
    }
    return AppliedBatch(
      outcomes: zip(works, inserted).map { work, inserted in
        .completed([
          "table": .string(reader.tables[work.work.table].name), "inserted": .number(JSONNumber(inserted)),
          "duplicates": .number(JSONNumber(work.work.rows.count - inserted)),
        ])
      })
  }
}

/// The rows of a batch, grouped by table. Pure.
struct InsertPlan: Sendable {
  struct Group: Sendable {
    let table: Int
    var rows: [[Cell]] = []
    /// Which work each row belongs to.
    var owners: [Int] = []

    /// Adds up how many rows of each work were inserted. Of equal rows in one statement the first is inserted.
    ///
    /// - Parameter insertedKeys: nil: all were.
    func count(insertedKeys: [[Cell]]?, key: ([Cell]) -> [Cell], into counts: inout [Int]) {
      guard let insertedKeys else {
        for owner in owners { counts[owner] += 1 }
        return
      }
      var left = Set(insertedKeys)
      for (row, owner) in zip(rows, owners) where left.remove(key(row)) != nil { counts[owner] += 1 }
    }
  }

  private(set) var groups: [Group] = []

  init(_ works: [TableRows]) {
    var index: [Int: Int] = [:]
    for (owner, work) in works.enumerated() where !work.rows.isEmpty {
      let place = index[work.table] ?? groups.count
      if place == groups.count {
        index[work.table] = place
        groups.append(Group(table: work.table))
      }
      groups[place].rows += work.rows
      groups[place].owners += repeatElement(owner, count: work.rows.count)
    }
  }
}
