import Toolchain
import Values
import Workflow

/// A diagnostic as compilers tell it: place and message, the line with a mark under the place, the hint.
enum DiagnosticText {
  static func render(_ diagnostic: Diagnostic, _ style: Style) -> String {
    let isError = diagnostic.severity == .error
    let severity = style.painted("\(diagnostic.severity.rawValue):", isError ? .red : .yellow)
    var lines = ["\(style.painted("\(diagnostic.location):", .bold)) \(severity) \(plain(diagnostic.message))"]
    if !diagnostic.offendingLine.isEmpty {
      let (line, mark) = excerpt(diagnostic.offendingLine, column: diagnostic.location.column)
      lines += ["  \(line)", "  \(mark)\(style.painted("^", .green))"]
    }
    if let hint = diagnostic.hint { lines.append("  hint: \(plain(hint))") }
    return lines.joined(separator: "\n")
  }

  private static func plain(_ text: String) -> String {
    text.split(whereSeparator: \.isNewline).map { TextWidth.plain(String($0)) }.joined(separator: "\n  ")
  }

  private static let longest = 160

  /// The line, or the part of it around the column when it is very long, and what has to stand before the mark so that
  /// it comes to lie under the column.
  static func excerpt(_ line: String, column: Int) -> (line: String, indent: String) {
    // Columns count scalars.
    let scalars = Array(line.unicodeScalars)
    let place = min(max(column - 1, 0), scalars.count)
    let start = scalars.count > longest ? max(0, place - longest / 2) : 0
    let end = min(scalars.count, start + longest)
    func text(_ range: Range<Int>) -> String {
      var text = ""
      // A tab would move the mark.
      for scalar in scalars[range] { text.unicodeScalars.append(scalar == "\t" ? " " : scalar) }
      return TextWidth.plain(text)
    }
    let before = (start > 0 ? "…" : "") + text(start..<place)
    let shown = before + text(place..<end) + (end < scalars.count ? "…" : "")
    return (shown, String(repeating: " ", count: TextWidth.of(before)))
  }

  static func json(_ diagnostic: Diagnostic) -> JSON {
    [
      "severity": .string(diagnostic.severity.rawValue), "code": .string(diagnostic.code.rawValue),
      "line": .integer(diagnostic.location.line), "column": .integer(diagnostic.location.column),
      "message": .string(diagnostic.message), "hint": .text(diagnostic.hint),
      "offendingLine": .string(diagnostic.offendingLine),
    ]
  }
}
