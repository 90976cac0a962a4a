import Foundation

/// Processor time used so far, in seconds, from proc(5).
struct ProcessorTime {
  /// By the name that the caller gave a process; Postgres with all its backends is one.
  private(set) var processes: [String: Double] = [:]
  /// By the thread's name, of the process "mediator" only.
  private(set) var mediatorThreads: [String: Double] = [:]
  /// Of all processors together: everything that was not idle, whoever used it.
  private(set) var busy = 0.0
  /// What another guest of the host took.
  private(set) var stolen = 0.0

  private static let tick = 1 / Double(sysconf(Int32(_SC_CLK_TCK)))

  /// - Parameters:
  ///   - processes: process ids by name.
  ///   - postgres: the id of the server's first process; the others are its children.
  static func read(_ processes: [String: Int], postgres: Int) throws -> ProcessorTime {
    var times = ProcessorTime()
    for (name, id) in processes { times.processes[name] = try status(of: "/proc/\(id)").seconds }
    times.processes["postgres"] = try serverTime(postgres)
    if let id = processes["mediator"] { times.mediatorThreads = try threadTimes(id) }
    try times.readMachine()
    return times
  }

  static func - (later: ProcessorTime, earlier: ProcessorTime) -> ProcessorTime {
    var difference = later
    for (name, seconds) in earlier.processes { difference.processes[name, default: 0] -= seconds }
    for (name, seconds) in earlier.mediatorThreads { difference.mediatorThreads[name, default: 0] -= seconds }
    difference.busy -= earlier.busy
    difference.stolen -= earlier.stolen
    return difference
  }

  private mutating func readMachine() throws {
    // cpu user nice system idle iowait irq softirq steal …
    guard let line = try readText("/proc/stat").split(separator: "\n").first else { return }
    let ticks = line.split(separator: " ").dropFirst().compactMap { Double($0) }
    guard ticks.count >= 8 else { throw BenchError("/proc/stat is not what proc(5) says: \(line)") }
    busy = (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) * Self.tick
    stolen = ticks[7] * Self.tick
  }

  private struct Status {
    let name: String
    let parent: Int
    let seconds: Double
    /// Of children that have ended.
    let childSeconds: Double
  }

  /// Reads `stat` of a process or a thread. Its name, in parentheses, may itself contain any character.
  private static func status(of folder: String) throws -> Status {
    let text = try readText("\(folder)/stat")
    guard let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")") else {
      throw BenchError("\(folder)/stat is not what proc(5) says")
    }
    let fields = text[close...].dropFirst().split(separator: " ").map { Double($0) ?? 0 }
    guard fields.count > 14 else { throw BenchError("\(folder)/stat is not what proc(5) says") }
    return Status(
      name: String(text[text.index(after: open)..<close]), parent: Int(fields[1]),
      seconds: (fields[11] + fields[12]) * tick, childSeconds: (fields[13] + fields[14]) * tick)
  }

  private static func serverTime(_ id: Int) throws -> Double {
    let server = try status(of: "/proc/\(id)")
    var seconds = server.seconds + server.childSeconds
    for other in try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap({ Int($0) }) {
      // A process may end between being listed and being read.
      if let status = try? status(of: "/proc/\(other)"), status.parent == id { seconds += status.seconds }
    }
    return seconds
  }

  private static func threadTimes(_ id: Int) throws -> [String: Double] {
    var times: [String: Double] = [:]
    for thread in try FileManager.default.contentsOfDirectory(atPath: "/proc/\(id)/task") {
      guard let status = try? status(of: "/proc/\(id)/task/\(thread)") else { continue }
      // rdk:broker0, rdk:broker1, …: one each per client and broker.
      times[status.name.replacing(/[0-9]+$/, with: ""), default: 0] += status.seconds
    }
    return times
  }

  /// Of the children of this process that have ended and were waited for.
  static func ofEndedChildren() -> Double {
    var usage = rusage()
    getrusage(RUSAGE_CHILDREN.rawValue, &usage)
    let seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec
    return Double(seconds) + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
  }
}
