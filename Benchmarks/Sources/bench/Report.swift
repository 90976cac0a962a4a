import Values

/// The results as one table in GitHub's Markdown: a column per load, and beside each figure the limit of the machine
/// that bounds it.
struct Report {
  private let result: JSON
  private let loads: [String]

  init(result: JSON, loads: [String]) {
    self.result = result
    self.loads = loads
  }

  var text: String {
    let header = [""] + loads + ["the machine by itself"]
    var lines = [machine, "", line(header), line(["---"] + Array(repeating: "--:", count: loads.count) + ["---"])]
    for row in saturation + stages + processors + half { lines.append(line(row)) }
    return lines.joined(separator: "\n")
  }

  private func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }

  private var machine: String {
    ["cpu", "memory", "system", "postgres", "broker", "commit", "date"].compactMap { result["machine"]?[$0]?.string }
      .joined(separator: " · ")
  }

  // MARK: Sections

  private var saturation: [[String]] {
    let limits = result
    func limit(_ part: String, _ name: String) -> String { count(limits[part]?[name]?.double) }
    return [
      section("at saturation"),
      row(
        "workflows completed per second",
        limit: "\(limit("engine", "instances_per_second")) by the engine alone, one core"
      ) { count($0["completed_per_second"]?.double) },
      row(
        "Kafka records per second",
        limit: "\(limit("kafka", "produced_per_second")) produced, \(limit("kafka", "consumed_per_second")) consumed"
      ) { count(perSecond($0, "kafka_records")) },
      row("rows written per second", limit: "\(limit("postgres", "rows_per_second")) inserted, 500 at a time") {
        count(perSecond($0, "rows_written"))
      },
      row("WAL flushes per second", limit: "\(limit("fsync", "fdatasync_per_second")) fdatasync of 8 kB") {
        count(perSecond($0, "wal_syncs"))
      },
      row("milliseconds of a WAL flush") { load in
        guard let time = load["wal_sync_ms"]?.double, let flushes = load["wal_syncs"]?.double else { return "" }
        return decimal(time / max(flushes, 1))
      },
      row("WAL, MB per second") { decimal(perSecond($0, "wal_bytes").map { $0 / 1e6 }) },
      row("records per batch") { decimal($0["records_per_batch"]?.double) },
      row(
        "task transitions per second",
        limit: "\(limit("engine", "transitions_per_second")) by the engine alone, one core"
      ) { count(perSecond($0, "tasks")) },
      row(
        "expressions per second",
        limit: "\(limit("engine", "path_expressions_per_second")) paths, "
          + "\(limit("engine", "path_through_jq_per_second")) the same through jq, one core"
      ) { _ in "" },
      row(
        "seconds to load 200 definitions",
        limit: decimal(limits["engine"]?["seconds_to_load_200_definitions"]?.double) + ", 10 expressions each"
      ) { _ in "" },
      row(
        "seconds of 10,000 passes of a loop",
        limit: decimal(limits["engine"]?["seconds_of_10000_passes"]?.double) + "; of 1,000 passes "
          + decimal(limits["engine"]?["seconds_of_1000_passes"]?.double)
      ) { _ in "" },
    ]
  }

  private var stages: [[String]] {
    [section("of one batch, ms")]
      + ["poll", "decode", "load", "step", "write", "publish"].map { stage in
        row(stage) { decimal($0["stage_ms_per_batch"]?[stage]?.double) }
      }
  }

  /// Shares of all processors together.
  private var processors: [[String]] {
    let names = loads.flatMap { result[$0]?["saturation"]?["cpu_seconds"]?.object?.keys ?? [] }
    let first = ["postgres", "broker", "mediator"]
    let last = ["simulator", "other programs", "other guests of the host"]
    let others = Set(names).subtracting(first + last).sorted()
    return [section("share of the processors")]
      + (first + others + last).map { name in row(name) { share($0, name) } }
      + [row("idle") { idle($0) }]
  }

  private var half: [[String]] {
    [
      section("at half of that rate"),
      row("events per second", of: "half") { count($0["rate"]?.double) },
      row("start → complete, p50 / p99, ms", of: "half") { pair($0["start_to_end_ms"]) },
      row("event → complete, p50 / p99, ms", of: "half") { pair($0["event_to_end_ms"]) },
      row("records per batch", of: "half") { decimal($0["records_per_batch"]?.double) },
      row("idle processors", of: "half") { idle($0) },
    ]
  }

  // MARK: Cells

  private func section(_ title: String) -> [String] { ["**\(title)**"] + loads.map { _ in "" } + [""] }

  private func row(
    _ title: String, of part: String = "saturation", limit: String = "", _ cell: (JSON) -> String
  ) -> [String] {
    [title] + loads.map { load in result[load]?[part].map(cell) ?? "" } + [limit]
  }

  /// Of the time in which the workflows ran, as Postgres has it.
  private func perSecond(_ load: JSON, _ name: String) -> Double? {
    guard let value = load[name]?.double, let seconds = load["seconds"]?.double, seconds > 0 else { return nil }
    return value / seconds
  }

  private func processorSeconds(_ load: JSON) -> Double? {
    guard let seconds = load["observed_seconds"]?.double, let count = load["processors"]?.double else { return nil }
    return seconds * count
  }

  private func share(_ load: JSON, _ name: String) -> String {
    guard let all = processorSeconds(load), all > 0, let used = load["cpu_seconds"]?[name]?.double else { return "" }
    return percent(used / all)
  }

  private func idle(_ load: JSON) -> String {
    guard let all = processorSeconds(load), all > 0, let used = load["cpu_seconds"]?.object else { return "" }
    return percent(max(0, 1 - used.values.compactMap(\.double).reduce(0, +) / all))
  }

  private func pair(_ value: JSON?) -> String {
    "\(decimal(value?["p50"]?.double)) / \(decimal(value?["p99"]?.double))"
  }
}

/// 12345.6 as `12,346`.
private func count(_ value: Double?) -> String {
  guard let value else { return "" }
  var digits = String(Int(value.rounded()))
  var place = digits.count - 3
  while place > 0 {
    digits.insert(",", at: digits.index(digits.startIndex, offsetBy: place))
    place -= 3
  }
  return digits
}

/// Two digits behind the point below 10, one below 100.
private func decimal(_ value: Double?) -> String {
  guard let value else { return "" }
  if value >= 100 { return count(value) }
  let scale = value < 10 ? 100.0 : 10.0
  let scaled = Int((value * scale).rounded())
  let rest = String(scaled % Int(scale))
  let zeros = String(repeating: "0", count: (value < 10 ? 2 : 1) - rest.count)
  return "\(scaled / Int(scale)).\(zeros)\(rest)"
}

private func percent(_ part: Double) -> String { "\(Int((part * 100).rounded())) %" }
