import ArgumentParser
import Foundation
import HTTP
import Kafka
import Postgres
import Values

/// One load on a running system: warms up, sends the events, waits until the last instance has ended, and tells what
/// it took.
struct WorkflowBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "workflow", abstract: "Throughput and latency of the workflow that is deployed.")

  @Option(help: "The simulator's program; it reads KAFKA_BOOTSTRAP_SERVERS.")
  var simulator: String

  @Option(help: "The broker, host:port.")
  var bootstrapServers: String

  @Option(help: "The database's URL.")
  var database: String

  @Option(help: "The mediator's /metrics.")
  var metrics: String

  @Option(name: .customLong("process"), help: "NAME=PID of a process to be watched; one of them is the mediator.")
  var processes: [String]

  @Option(help: "The process id of the Postgres server.")
  var postgres: Int

  @Option(help: "How many events.")
  var events = 10_000

  @Option(help: "Events per second; without it, as fast as the broker takes them.")
  var rate: Double?

  @Option(help: "Events before the measurement.")
  var warmUp = 500

  func run() async throws {
    let connection = try await PostgresConnection.connect(try PostgresConfiguration(database))
    let admin = try KafkaAdmin(KafkaConfiguration(bootstrapServers: bootstrapServers, clientID: "bench"))
    let system = System(
      client: try HTTPClient(), metrics: metrics, processes: try watched(), postgres: postgres)
    try await simulate(warmUp, seed: 1, rate: nil)
    try await system.wait(untilEnded: warmUp)
    // What follows is told apart from the warm-up by when it started.
    // Postgres tells its counts that late.
    try await Task.sleep(for: ServerCounts.delay)
    let records = try await storedRecords(admin)
    let counts = try await ServerCounts.read(connection)
    let began = Timestamp.now()

    let before = try await system.snapshot()
    let childSeconds = ProcessorTime.ofEndedChildren()
    async let sent: Void = simulate(events, seed: 2, rate: rate)
    try await system.wait(untilEnded: warmUp + events)
    try await sent
    let after = try await system.snapshot()
    let simulatorSeconds = ProcessorTime.ofEndedChildren() - childSeconds

    try await Task.sleep(for: ServerCounts.delay)
    var result = try await latencies(since: began, on: connection)
    result["tasks"] = JSON(try await completedTasks(since: began, on: connection))
    let written = try await ServerCounts.read(connection)
    let load = Load(
      before: before, after: after, simulatorSeconds: simulatorSeconds,
      records: try await storedRecords(admin) - records, counts: (counts, written))
    for (name, value) in load.json { result[name] = value }
    result["rate"] = rate.map { JSON($0) } ?? .null
    await connection.close()
    await admin.close()
    print(JSON.object(result).text)
  }

  private func watched() throws -> [String: Int] {
    var watched: [String: Int] = [:]
    for process in processes {
      let parts = process.split(separator: "=")
      guard parts.count == 2, let id = Int(parts[1]) else { throw ValidationError("--process takes NAME=PID") }
      watched[String(parts[0])] = id
    }
    return watched
  }

  /// Runs the simulator to its end. 200 equipments, so that keys spread over the partitions.
  private func simulate(_ count: Int, seed: Int, rate: Double?) async throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: simulator)
    process.arguments = [
      "--devices", "50", "--equipments-per-device", "4", "--seed", "\(seed)", "--count", "\(count)",
      "--rate", rate.map { "\($0)" } ?? "max", "--output", "json",
    ]
    process.standardOutput = FileHandle.nullDevice
    let status = try await withCheckedThrowingContinuation { (ended: CheckedContinuation<Int32, any Error>) in
      process.terminationHandler = { ended.resume(returning: $0.terminationStatus) }
      do { try process.run() } catch { ended.resume(throwing: error) }
    }
    guard status == 0 else { throw BenchError("the simulator ended with status \(status)") }
  }

  /// Of the instances themselves, as Postgres has them.
  private func latencies(since began: Timestamp, on connection: PostgresConnection) async throws -> JSONObject {
    let rows = try await connection.query(
      """
      select count(*)::int8 as instances, count(*) filter (where status = 'completed')::int8 as completed,
             extract(epoch from max(ended_at) - min(started_at))::float8 as seconds,
             percentile_cont(array[0.5, 0.99]) within group (order by own)::float8[] as own,
             percentile_cont(array[0.5, 0.99]) within group (order by whole)::float8[] as whole
        from (select status, started_at, ended_at, extract(epoch from ended_at - started_at)::float8 as own,
                     extract(epoch from ended_at - (input->0->>'time')::timestamptz)::float8 as whole
                from instances where started_at > $1) measured
      """, [.timestamp(began.microseconds)])
    let row = rows[0]
    guard try row.int("completed") == events, try row.int("instances") == events else {
      throw BenchError(
        "of \(events) events, \(try row.int("instances")) became instances and \(try row.int("completed")) completed")
    }
    let own = try row.doubles("own").map { JSON(($0 ?? 0) * 1_000) }
    let whole = try row.doubles("whole").map { JSON(($0 ?? 0) * 1_000) }
    let seconds = try row.double("seconds")
    return [
      "events": JSON(events), "seconds": JSON(seconds), "completed_per_second": JSON(Double(events) / seconds),
      "start_to_end_ms": ["p50": own[0], "p99": own[1]], "event_to_end_ms": ["p50": whole[0], "p99": whole[1]],
    ]
  }

  /// As the journal tells.
  private func completedTasks(since began: Timestamp, on connection: PostgresConnection) async throws -> Int {
    let rows = try await connection.query(
      """
      select count(*)::int8 as tasks from journal, json_array_elements(entries) entry
       where at > $1 and entry->>'is' = 'task.completed'
      """, [.timestamp(began.microseconds)])
    return try rows[0].int("tasks")
  }
}

/// The running programs, seen from outside.
private struct System {
  let client: HTTPClient
  let metrics: String
  let processes: [String: Int]
  let postgres: Int

  func snapshot() async throws -> Snapshot {
    Snapshot(
      time: .now, processors: try ProcessorTime.read(processes, postgres: postgres),
      metrics: try await MetricsPage.fetch(metrics, client))
  }

  /// Waits until so many instances have ended since the mediator's start. Twenty seconds without any are a failure.
  func wait(untilEnded expected: Int) async throws {
    var last = -1
    var deadline = ContinuousClock.now + .seconds(20)
    while true {
      let page = try await MetricsPage.fetch(metrics, client)
      let ended = Int(page.total("mediator_instances_ended_total"))
      if ended >= expected { return }
      if ended > last {
        last = ended
        deadline = ContinuousClock.now + .seconds(20)
      }
      guard ContinuousClock.now < deadline else {
        let letters = page.values("mediator_dead_letters_total", by: "reason")
        throw BenchError("only \(ended) of \(expected) instances have ended; dead letters: \(letters)")
      }
      // How often the mediator's metrics are read: rarely enough not to show in what is measured.
      try await Task.sleep(for: .milliseconds(100))
    }
  }
}

/// What a load cost: the difference of two moments.
private struct Load {
  let before: Snapshot
  let after: Snapshot
  let simulatorSeconds: Double
  let records: Int
  let counts: (before: ServerCounts, after: ServerCounts)

  var json: JSONObject {
    let seconds = (after.time - before.time).seconds
    let processors = after.processors - before.processors
    var used = processors.processes
    used["simulator"] = simulatorSeconds
    let ours = used.values.reduce(0, +)
    used["other programs"] = max(0, processors.busy - ours)
    used["other guests of the host"] = processors.stolen
    let batches = difference("mediator_batches_total")
    var stages: [String: Double] = [:]
    let earlier = before.metrics.values("mediator_batch_seconds_total", by: "stage")
    for (stage, value) in after.metrics.values("mediator_batch_seconds_total", by: "stage") {
      stages[stage] = (value - earlier[stage, default: 0]) / max(batches, 1) * 1_000
    }
    return [
      "observed_seconds": JSON(seconds), "batches": JSON(batches),
      "records_per_batch": JSON(difference("mediator_records_total") / max(batches, 1)),
      "stage_ms_per_batch": JSON(stages), "cpu_seconds": JSON(used),
      "mediator_threads_cpu_seconds": JSON(processors.mediatorThreads.filter { $0.value > 0 }),
      "processors": JSON(ProcessInfo.processInfo.processorCount), "kafka_records": JSON(records),
      "rows_written": JSON(counts.after.rowsWritten - counts.before.rowsWritten),
      "commits": JSON(counts.after.commits - counts.before.commits),
      "wal_bytes": JSON(counts.after.walBytes - counts.before.walBytes),
      "wal_syncs": JSON(counts.after.walSyncs - counts.before.walSyncs),
      "wal_sync_ms": JSON(counts.after.walSyncMilliseconds - counts.before.walSyncMilliseconds),
    ]
  }

  private func difference(_ name: String) -> Double { after.metrics.total(name) - before.metrics.total(name) }
}
