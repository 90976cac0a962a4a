import HTTP

/// What a mediator tells under /metrics (Prometheus text format 0.0.4).
struct MetricsPage {
  private var samples: [(name: String, labels: String, value: Double)] = []

  init(_ text: String) {
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else { continue }
      let series = line[..<space].split(separator: "{", maxSplits: 1)
      samples.append((String(series[0]), series.count > 1 ? String(series[1].dropLast()) : "", value))
    }
  }

  static func fetch(_ url: String, _ client: HTTPClient) async throws -> MetricsPage {
    let response = try await client.send(HTTPRequest(url: url, timeout: .seconds(5), maxResponseBytes: 4 << 20))
    guard response.status == 200 else { throw BenchError("\(url) answered \(response.status)") }
    return MetricsPage(String(decoding: response.body, as: UTF8.self))
  }

  /// All series of a name together.
  func total(_ name: String) -> Double { samples.reduce(0) { $1.name == name ? $0 + $1.value : $0 } }

  /// The series of a name, by the value of one of their labels.
  func values(_ name: String, by label: String) -> [String: Double] {
    var values: [String: Double] = [:]
    for sample in samples where sample.name == name {
      for pair in sample.labels.split(separator: ",") where pair.hasPrefix("\(label)=\"") {
        values[String(pair.dropFirst(label.count + 2).dropLast()), default: 0] += sample.value
      }
    }
    return values
  }
}
