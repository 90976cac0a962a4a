import Glibc

/// The metrics that Prometheus client libraries name `process_…`, from proc(5). Empty where there is no `/proc`.
func processMetrics() -> String {
  // Behind the command, which stands in parentheses and may hold anything: field 3 of proc(5) comes first.
  guard let stat = try? readText("/proc/self/stat"), let end = stat.lastIndex(of: ")") else { return "" }
  let fields = stat[stat.index(after: end)...].split(separator: " ").map { Double($0) ?? 0 }
  guard fields.count > 21 else { return "" }
  let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
  let cpu = (fields[11] + fields[12]) / ticks
  let resident = fields[21] * Double(sysconf(Int32(_SC_PAGESIZE)))
  var text = line("process_cpu_seconds_total", "counter", "User and system CPU time in seconds.", cpu)
  text += line("process_resident_memory_bytes", "gauge", "Resident memory in bytes.", resident)
  text += line("process_threads", "gauge", "Threads.", fields[17])
  if let start = startTime(ticksAfterBoot: fields[19] / ticks) {
    text += line("process_start_time_seconds", "gauge", "Start since the Unix epoch in seconds.", start)
  }
  return text
}

private func line(_ name: String, _ type: String, _ help: String, _ value: Double) -> String {
  "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n\(name) \(metricNumber(value))\n"
}

private func startTime(ticksAfterBoot seconds: Double) -> Double? {
  guard let stat = try? readText("/proc/stat"),
    let line = stat.split(separator: "\n").first(where: { $0.hasPrefix("btime ") }),
    let boot = Double(line.dropFirst(6))
  else { return nil }
  return boot + seconds
}
