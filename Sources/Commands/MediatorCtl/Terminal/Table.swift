import Toolchain

/// Columns of text under headings.
struct Table {
  struct Column {
    var title: String
    var alignment: Alignment = .left
    /// To how many columns it may shrink when the terminal is narrow; nil: not at all.
    var minimum: Int?
  }

  enum Alignment { case left, right }

  struct Cell {
    var text: String
    var colour: Colour?

    init(_ text: String, _ colour: Colour? = nil) {
      self.text = TextWidth.plain(text)
      self.colour = colour
    }
  }

  let columns: [Column]
  private(set) var rows: [[Cell]] = []

  init(_ columns: [Column]) { self.columns = columns }

  mutating func add(_ row: [Cell]) { rows.append(row) }

  func render(_ style: Style) -> String {
    let widths = fitted(style.width)
    let head = columns.map { Cell($0.title, .faint) }
    return ([head] + rows).map { line($0, widths, style) }.joined(separator: "\n")
  }

  private static let gap = 2

  private func line(_ row: [Cell], _ widths: [Int], _ style: Style) -> String {
    var line = ""
    for (index, cell) in row.enumerated() {
      let text = TextWidth.truncate(cell.text, to: widths[index])
      let padding = String(repeating: " ", count: max(widths[index] - TextWidth.of(text), 0))
      let painted = style.painted(text, cell.colour)
      switch columns[index].alignment {
      case .right: line += padding + painted
      // Nothing follows the last one that padding could align.
      case .left: line += index == row.count - 1 ? painted : painted + padding
      }
      if index < row.count - 1 { line += String(repeating: " ", count: Self.gap) }
    }
    while line.last == " " { line.removeLast() }
    return line
  }

  /// The widths of the columns. What is too wide is taken from the widest column that may shrink, again and again.
  private func fitted(_ available: Int?) -> [Int] {
    var widths = columns.indices.map { index in
      ([columns[index].title] + rows.map { $0[index].text }).map { TextWidth.of($0) }.max() ?? 0
    }
    guard let available else { return widths }
    var excess = widths.reduce(0, +) + Self.gap * (columns.count - 1) - available
    while excess > 0 {
      let shrinkable = widths.indices.filter { index in columns[index].minimum.map { widths[index] > $0 } ?? false }
      guard let widest = shrinkable.max(by: { widths[$0] < widths[$1] }) else { break }
      widths[widest] -= 1
      excess -= 1
    }
    return widths
  }
}

/// Names with values, one per line; continuation lines of a value are aligned.
struct FieldList {
  private var fields: [(name: String, lines: [String])] = []

  /// Left out when there is no value.
  mutating func add(_ name: String, _ value: String?) {
    guard let value else { return }
    fields.append((name, [value]))
  }

  mutating func add(_ name: String, lines: [String]) {
    if !lines.isEmpty { fields.append((name, lines)) }
  }

  func render(_ style: Style) -> String {
    let width = (fields.map { TextWidth.of($0.name) }.max() ?? 0) + 2
    return fields.map { field in
      let name = style.painted(field.name, .faint) + String(repeating: " ", count: width - TextWidth.of(field.name))
      return name + field.lines.joined(separator: "\n" + String(repeating: " ", count: width))
    }.joined(separator: "\n")
  }
}
