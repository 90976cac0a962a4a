import YAML

/// The text that is being read, and the diagnostics about it.
final class SourceFile {
  let name: String
  let text: String
  private let lines: [Substring]
  private(set) var diagnostics: [Diagnostic] = []
  private var told: Set<Diagnostic> = []
  /// More than this helps nobody; a file that is no workflow at all could have thousands.
  private static let maxDiagnostics = 200

  init(name: String, text: String) {
    self.name = name
    self.text = text
    lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
  }

  func location(_ position: YAMLPosition) -> SourceLocation {
    SourceLocation(file: name, line: position.line, column: position.column)
  }

  func error(_ code: Diagnostic.Code, _ position: YAMLPosition, _ message: String, hint: String? = nil) {
    report(.error, code, position, message, hint)
  }

  func warning(_ code: Diagnostic.Code, _ position: YAMLPosition, _ message: String, hint: String? = nil) {
    report(.warning, code, position, message, hint)
  }

  func unsupported(_ construct: String, _ position: YAMLPosition, hint: String? = nil) {
    error(.unsupported, position, "not supported: \(construct)", hint: hint)
  }

  private func report(
    _ severity: Diagnostic.Severity, _ code: Diagnostic.Code, _ position: YAMLPosition, _ message: String,
    _ hint: String?
  ) {
    guard diagnostics.count < Self.maxDiagnostics else { return }
    let diagnostic = Diagnostic(
      severity: severity, code: code, location: location(position), message: message, hint: hint,
      offendingLine: String(line(position.line)))
    // What several places use is read for each of them.
    if told.insert(diagnostic).inserted { diagnostics.append(diagnostic) }
  }

  private func line(_ number: Int) -> Substring { lines.indices.contains(number - 1) ? lines[number - 1] : "" }

  /// Where a part of a text scalar stands in the file: exactly, if the line it is on stands there as it was read, as it
  /// does but for escapes and folds; else where the scalar begins.
  /// - Parameter offset: of the part, in UTF-8 bytes of the scalar's value.
  func position(of offset: Int, in value: String, at scalar: YAMLNode) -> YAMLPosition {
    let bytes = Array(value.utf8)
    let offset = min(offset, bytes.count)
    let start = bytes[..<offset].lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    let end = bytes[offset...].firstIndex(of: 0x0A) ?? bytes.count
    let indent = bytes[start..<end].prefix { $0 == 0x20 }.count
    let lineText = String(decoding: bytes[min(start + indent, offset)..<end], as: UTF8.self)
    let before = String(decoding: bytes[min(start + indent, offset)..<offset], as: UTF8.self).unicodeScalars.count
    let lineIndex = bytes[..<start].count { $0 == 0x0A }
    let first = scalar.position.line + lineIndex
    for number in first..<first + 3 {
      let skipped = number == scalar.position.line ? scalar.position.column - 1 : 0
      let line = Array(line(number).unicodeScalars)
      guard line.count > skipped, let index = Self.index(of: Array(lineText.unicodeScalars), in: line, from: skipped)
      else { continue }
      return YAMLPosition(line: number, column: index + before + 1)
    }
    return scalar.position
  }

  private static func index(of part: [Unicode.Scalar], in line: [Unicode.Scalar], from start: Int) -> Int? {
    guard !part.isEmpty, line.count - start >= part.count else { return nil }
    return (start...line.count - part.count).first { line[$0..<$0 + part.count].elementsEqual(part) }
  }
}
