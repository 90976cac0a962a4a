import Values
import Wire

/// What one event wants stored, checked against the table's definition.
public struct TableRows: Sendable, Hashable {
  /// Which of the handler's tables.
  let table: Int
  /// One cell per column.
  let rows: [[Cell]]
}

/// Reads `with: {table, row}` or `{table, rows}`. Pure.
struct TableRowsReader: Sendable {
  let tables: [TableDefinition]
  private let indices: [String: Int]

  init(tables: [TableDefinition]) {
    self.tables = tables
    indices = Dictionary(tables.enumerated().map { ($1.name, $0) }) { _, last in last }
  }

  func read(_ data: JSON) -> Validated<TableRows> {
    do throws(Refusal) {
      return .work(try rows(data))
    } catch {
      return .refused(error.failure)
    }
  }

  struct Refusal: Error {
    let failure: TaskFailure
    init(_ status: Int, _ detail: String) { failure = .invalid(status, detail) }
  }

  private func rows(_ data: JSON) throws(Refusal) -> TableRows {
    guard case .object(let members) = data else { throw Refusal(400, "with must be an object {table, row}") }
    if let other = members.first(where: { !["table", "row", "rows"].contains($0.key) }) {
      throw Refusal(400, "with has a member '\(other.key)'; table and row (or rows) are understood")
    }
    guard let name = members["table"]?.string else { throw Refusal(400, "with.table must be the name of a table") }
    guard let index = indices[name] else {
      let names = tables.map(\.name).sorted().joined(separator: ", ")
      throw Refusal(404, "there is no table '\(name)'; declared are: \(names)")
    }
    switch (members["row"], members["rows"]) {
    case (let row?, nil): return TableRows(table: index, rows: [try cells(row, tables[index], "with.row")])
    case (nil, .array(let rows)?):
      var all: [[Cell]] = []
      all.reserveCapacity(rows.count)
      for (place, row) in rows.enumerated() { all.append(try cells(row, tables[index], "with.rows[\(place)]")) }
      return TableRows(table: index, rows: all)
    default: throw Refusal(400, "with needs either row, an object, or rows, an array of objects")
    }
  }

  private func cells(_ row: JSON, _ table: TableDefinition, _ place: String) throws(Refusal) -> [Cell] {
    guard case .object(let members) = row else { throw Refusal(400, "\(place) must be an object") }
    var cells = [Cell](repeating: .null, count: table.columns.count)
    for (name, value) in members {
      guard let index = table.index(of: name) else {
        throw Refusal(422, "\(place) has '\(name)', which is no column of table '\(table.name)'")
      }
      guard let cell = table.columns[index].type.cell(value) else {
        throw Refusal(422, "\(place).\(name) must be \(table.columns[index].type.expectation)")
      }
      cells[index] = cell
    }
    for (index, column) in table.columns.enumerated() where column.isRequired && cells[index] == .null {
      throw Refusal(422, "\(place).\(column.name) is missing; it must be \(column.type.expectation)")
    }
    return cells
  }
}
