/// All series of one name. Prometheus text format 0.0.4.
struct MetricFamily {
  enum Kind: String { case counter, gauge, histogram }

  let kind: Kind
  let help: String?
  var series: [MetricLabels: any MetricSeries] = [:]

  func write(_ name: String, into text: inout String) {
    if let help { text += "# HELP \(name) \(help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n"))\n" }
    text += "# TYPE \(name) \(kind.rawValue)\n"
    for (labels, series) in series.sorted(by: { $0.key.text < $1.key.text }) { series.write(name, labels, into: &text) }
  }
}

/// Dimensions as labels, in the order of their names.
struct MetricLabels: Hashable {
  /// `{a="b",c="d"}`, or nothing.
  let text: String
  private let inner: String

  init(_ dimensions: [(String, String)]) {
    var labels: [String: String] = [:]
    for (name, value) in dimensions { labels[labelName(name)] = value }
    inner = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\"\(escapedLabel($0.value))\"" }.joined(separator: ",")
    text = inner.isEmpty ? "" : "{\(inner)}"
  }

  func text(adding label: (name: String, value: String)) -> String {
    "{\(inner)\(inner.isEmpty ? "" : ",")\(label.name)=\"\(label.value)\"}"
  }
}

/// Letters, digits, `_` and `:`, the first no digit.
func metricName(_ label: String) -> String { validName(label) { $0 == ":" } }

/// Letters, digits and `_`, the first no digit; not one of those that Prometheus keeps for itself.
private func labelName(_ name: String) -> String {
  let name = validName(name) { _ in false }
  return name == "le" || name == "quantile" || name.hasPrefix("__") ? "label_\(name)" : name
}

private func validName(_ text: String, allowing isAllowed: (Character) -> Bool) -> String {
  let valid = String(text.map { $0.isASCII && ($0.isLetter || $0.isNumber) || isAllowed($0) ? $0 : "_" })
  return valid.first.map { $0.isNumber } ?? true ? "_" + valid : valid
}

private func escapedLabel(_ value: String) -> String {
  value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
}

func metricNumber(_ value: Double) -> String {
  if value.isNaN { return "NaN" }
  if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
  let text = "\(value)"
  return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}
