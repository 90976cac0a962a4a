import Values
import YAML

/// Durations: ISO 8601, an expression, or a mapping of whole numbers. Source: "Duration".
struct DurationReader {
  let context: FileContext

  private var file: SourceFile { context.file }

  /// `timeout`: a mapping with `after`, or the name of one under `use.timeouts`.
  func timeout(
    _ node: YAMLNode, _ reader: ExpressionReader, _ stage: ExpressionReader.Stage
  ) -> DurationValue? {
    guard case .string(let name)? = node.scalar else {
      return node["after"].flatMap { duration($0, reader, stage) }
    }
    return context.component("timeouts", "timeout", named: name, at: node.position)
      .flatMap { $0["after"] }.flatMap { duration($0, context.reader, stage) }
  }

  func duration(
    _ node: YAMLNode, _ reader: ExpressionReader, _ stage: ExpressionReader.Stage
  ) -> DurationValue? {
    switch node.content {
    case .scalar(.string(let text), _):
      if Expression.source(of: text) != nil { return reader.expression(node, stage).map { .expression($0) } }
      if let duration = ISO8601Duration.parse(text), duration >= .zero { return .constant(duration) }
      file.error(
        .invalidValue, node.position, "'\(text)' is no duration",
        hint: "ISO 8601 without years and months, such as PT15M or P1DT12H, or a mapping such as {minutes: 15}")
      return nil
    case .mapping(let entries): return inline(entries, at: node.position)
    default: return nil
    }
  }

  private static let units: [String: Int] = [
    "days": 86_400_000, "hours": 3_600_000, "minutes": 60_000, "seconds": 1_000, "milliseconds": 1,
  ]
  /// A hundred years: far beyond any use, far below an overflow.
  private static let limit = 100 * 366 * 86_400_000

  private func inline(_ entries: [YAMLEntry], at position: YAMLPosition) -> DurationValue? {
    if entries.isEmpty {
      file.error(.invalidValue, position, "a duration needs at least one unit, such as seconds")
      return nil
    }
    var total = 0
    for entry in entries {
      guard let unit = Self.units[entry.key], let count = entry.value.scalar?.int else { return nil }
      guard count >= 0, count <= Self.limit / unit else {
        file.error(.invalidValue, entry.value.position, "a duration lies between zero and a hundred years")
        return nil
      }
      total += count * unit
    }
    return .constant(.milliseconds(total))
  }
}
