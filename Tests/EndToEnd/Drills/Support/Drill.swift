import Glibc
import HTTP
import Kafka
import Postgres
import TestSupport
import Testing
import Values

/// The whole system under load while its parts are broken: two mediators, three processors, the simulator.
///
/// A drill strikes, waits for recovery, and settles; `settle` asserts what must hold whatever happened.
actor Drill {
  /// `make drill` strikes as often as the figures need; `make test` once or twice, in fewer drills.
  static let isFull = getenv("DRILL").map { String(cString: $0) } == "full"

  /// How often to strike.
  static func times(_ full: Int, short: Int = 1) -> Int { isFull ? full : short }

  static let mediators = ["first", "second"]
  static let processors = ["persistence", "alerts", "telegram"]

  let name: String
  let cluster: Cluster
  let watch: Watch
  private var commands: [String: [String]] = [:]
  private var running: [String: ServiceProcess] = [:]
  private var healthPorts: [String: Int] = [:]
  private var simulator: ServiceProcess?
  private let garbagePercent: Int
  private var seed = 100
  /// Readings that the broker has acknowledged.
  private(set) var sent = 0
  private var faults = 0
  private var recoveries: [Duration] = []

  /// Starts everything and waits until each shard has ended an instance.
  ///
  /// - Parameters:
  ///   - arguments: more of them, by mediator or processor.
  ///   - variables: environment variables of their own, by mediator or processor.
  ///   - garbage: whether a record in a hundred is none that a mediator can accept.
  init(
    _ name: String, arguments: [String: [String]] = [:], variables: [String: [String: String]] = [:],
    cluster given: Cluster? = nil, garbage: Bool = true
  ) async throws {
    self.name = name
    garbagePercent = garbage ? 1 : 0
    if let given { cluster = given } else { cluster = try await Cluster() }
    watch = Watch(databaseURL: cluster.databaseURL)
    try await cluster.run("mediatorctl", "deploy", workflow("equipment-status.yaml"))
    for mediator in Self.mediators {
      let port = try freePort()
      healthPorts[mediator] = port
      commands[mediator] =
        ["mediator", "--id", mediator, "--health-port", "\(port)"] + (arguments[mediator] ?? [])
    }
    for processor in Self.processors {
      commands[processor] = ["processor", processor, "--instance", "\(processor)-1"] + (arguments[processor] ?? [])
    }
    for (service, own) in variables {
      guard let command = commands[service] else { continue }
      commands[service] =
        ["/usr/bin/env"] + own.map { "\($0.key)=\($0.value)" } + [ServiceProcess.path(of: command[0])]
        + command.dropFirst()
    }
    for service in Self.mediators + Self.processors { try start(service) }
    try await cluster.waitForMediator()
    try await startLoad()
    try await waitForShards(since: Timestamp(microseconds: 0), within: .seconds(60))
    try await waitForFairShares()
    await watch.begin()
  }

  // MARK: Services

  func start(_ service: String) throws {
    guard let command = commands[service] else { throw ServiceProcess.Failure("no service \(service)") }
    running[service] = try cluster.start(command[0], arguments: Array(command.dropFirst()))
  }

  func service(_ name: String) throws -> ServiceProcess {
    guard let process = running[name] else { throw ServiceProcess.Failure("\(name) does not run") }
    return process
  }

  func kill(_ name: String) async throws { await (try service(name)).kill() }

  func stop(_ name: String) async throws {
    try service(name).signal(SIGTERM)
    try await waitForEnd(of: name)
  }

  /// SIGTERM to everything at once.
  func stopAll() async throws {
    for process in running.values { process.signal(SIGTERM) }
    for name in running.keys { try await waitForEnd(of: name) }
  }

  private func waitForEnd(of name: String) async throws {
    let process = try service(name)
    let status = try await process.waitForExit(within: .seconds(15))
    #expect(status == 0, "\(name) ended with \(status): \(process.log.suffix(2000))")
    running[name] = nil
  }

  /// `/readyz` of a mediator: its status, and what it says.
  func readiness(of mediator: String) async throws -> (status: Int, text: String) {
    let client = try HTTPClient()
    defer { client.close() }
    let url = "http://127.0.0.1:\(healthPorts[mediator] ?? 0)/readyz"
    let response = try await client.send(HTTPRequest(url: url, timeout: .seconds(5)))
    return (response.status, String(decoding: response.body, as: UTF8.self))
  }

  /// What all mediators of this drill have logged, those that are gone included in their file.
  func mediatorLogs() -> String { Self.mediators.compactMap { running[$0]?.log }.joined(separator: "\n") }

  // MARK: Load

  /// Returns when the first records are there: before that there is no load, and nobody to hear that it shall end.
  func startLoad() async throws {
    seed += 1
    let before = try await recordsInQueue()
    simulator = try cluster.start(
      "simulator",
      arguments: [
        "--rate", "80", "--devices", "8", "--equipments-per-device", "5", "--seed", "\(seed)", "--duplicates", "1",
        "--garbage", "\(garbagePercent)", "--output", "json",
      ])
    try await waitForLoad(beyond: before)
  }

  private nonisolated func waitForLoad(beyond count: Int64) async throws {
    try await poll(within: .seconds(30), "the load to begin") { () async throws -> Bool? in
      try await self.recordsInQueue() > count ? true : nil
    }
  }

  /// 0 where no mediator has made the topic yet.
  private nonisolated func recordsInQueue() async throws -> Int64 {
    let admin = try KafkaAdmin(cluster.kafka)
    let partitions = (0..<Int32(4)).map { TopicPartition(topic: "mediator.queue", partition: $0) }
    let result: Result<[TopicPartition: KafkaWatermarks], any Error>
    do { result = .success(try await admin.watermarks(partitions)) } catch { result = .failure(error) }
    await admin.close()
    if case .failure(let error as KafkaError) = result, error.code == .unknownTopic { return 0 }
    return try result.get().values.reduce(0) { $0 + $1.high }
  }

  /// Ends the load.
  ///
  /// - Returns: how many readings the broker has acknowledged.
  @discardableResult
  func endLoad() async throws -> Int {
    guard let simulator else { return 0 }
    #expect(simulator.exitStatus == nil, "nothing proves anything without load: \(simulator.log.suffix(1000))")
    simulator.signal(SIGINT)
    let status = try await simulator.waitForExit(within: .seconds(60))
    #expect(status == 0, "the simulator ended with \(status): \(simulator.log.suffix(1000))")
    self.simulator = nil
    let readings = try #require(try JSON.parse(simulator.output)["readings"]?.int, "\(simulator.output)")
    sent += readings
    return readings
  }

  /// SIGKILL for the simulator. What it had sent is only known from the topic then.
  func killLoad() async {
    await simulator?.kill()
    simulator = nil
  }

  /// Corrects how many readings there are, where the broker itself has lost some or they were not counted.
  func expect(sent count: Int) { sent = count }

  // MARK: Owners

  /// Waits until each mediator holds this many shards, with a lease that runs.
  func waitForShares(_ expected: [String: Int], within limit: Duration = .seconds(40)) async throws {
    let cluster = self.cluster
    try await poll(within: limit, every: .milliseconds(100), "the shares \(expected)") {
      guard
        let rows = try? await cluster.query(
          "select owner, count(*) as held from shards where expires_at > clock_timestamp() group by owner")
      else { return nil as Bool? }
      var shares: [String: Int] = [:]
      for row in rows { if let owner = try row.optionalText("owner") { shares[owner] = try row.int("held") } }
      return shares == expected ? true : nil
    }
  }

  /// Waits until every mediator holds its fair share.
  func waitForFairShares() async throws { try await waitForShares(["first": 2, "second": 2]) }

  // MARK: Halted partitions

  /// Waits until the mediators are not ready because of exactly these partitions, and say so loudly.
  nonisolated func waitForHalts(of partitions: Set<String>, within limit: Duration = .seconds(40)) async throws {
    let found = try await poll(within: limit, every: .milliseconds(200), "the halt of \(partitions.sorted())") {
      () async throws -> Set<String>? in
      let halted = try await self.halted()
      return partitions.isSubset(of: halted) ? halted : nil
    }
    #expect(found == partitions)
    let logs = await mediatorLogs().split(separator: "\n").filter {
      $0.contains("critical") && $0.contains("partition halted")
    }
    for partition in partitions { #expect(logs.contains { $0.contains("\(partition):") }, "\(partition): \(logs)") }
  }

  /// The partitions that some mediator's `/readyz` names as halted, with status 503.
  func halted() async throws -> Set<String> {
    var partitions: Set<String> = []
    for mediator in Self.mediators where running[mediator] != nil {
      // It may not listen yet.
      guard let (status, text) = try? await readiness(of: mediator), status == 503,
        let failing = try JSON.parse(text)["failing"]?.array
      else { continue }
      for check in failing where check["name"]?.string == "partitions" {
        // "topic/partition: why; topic/partition: why"
        for reason in (check["reason"]?.string ?? "").split(separator: "; ") {
          partitions.insert(String(reason.prefix { $0 != ":" }))
        }
      }
    }
    return partitions
  }

  /// What docs/operations.md tells an operator to do who wants to go on with what the broker has: the partitions are
  /// read from their beginning, and what was seen before changes nothing. Nothing is stopped for it.
  nonisolated func decideToGoOn(with partitions: Set<String>) async throws {
    let list = partitions.map { "'\($0)'" }.joined(separator: ",")
    // `/readyz` knows of them at once, the database a look later.
    try await cluster.wait(
      for: partitions.count, "the halts to be told",
      "select count(distinct topic || '/' || partition) from halted_partitions where topic || '/' || partition in (\(list))"
    )
    for partition in partitions.sorted() {
      let parts = partition.split(separator: "/").map(String.init)
      try await cluster.run("mediatorctl", ["partitions", "accept"] + parts + ["--reason", name, "--yes"])
    }
    #expect(try await cluster.count("select count(*) from position_decisions") == partitions.count)
    try await poll(within: .seconds(30), every: .milliseconds(200), "the halts to end") { () async throws -> Bool? in
      try await self.halted().isDisjoint(with: partitions) ? true : nil
    }
  }

  // MARK: Faults and recovery

  func countFault(_ count: Int = 1) { faults += count }

  /// Waits until each shard has ended an instance again, and notes how long after `end`, the end of the fault, that was.
  @discardableResult
  func recovered(
    since end: Timestamp = .now(), shards: Set<Int> = [0, 1, 2, 3], within limit: Duration = .seconds(60)
  ) async throws -> Duration {
    let time = try await waitForShards(since: end, shards: shards, within: limit) - end
    recoveries.append(time)
    return time
  }

  /// Waits until each shard has ended more instances than now, and notes how long that took: where what the database says
  /// of the time is not to be believed.
  func recoveredByCount(within limit: Duration = .seconds(60)) async throws {
    let cluster = self.cluster
    func ended() async throws -> [Int: Int] {
      let rows = try await cluster.query(
        "select shard, count(*) as ended from instances where ended_at is not null group by shard")
      return Dictionary(uniqueKeysWithValues: try rows.map { (try $0.int("shard"), try $0.int("ended")) })
    }
    let start = ContinuousClock.now
    let before = try await ended()
    try await poll(within: limit, every: .milliseconds(50), "each shard of \(name) to end an instance") {
      let now = try await ended()
      return before.allSatisfy { shard, count in (now[shard] ?? 0) > count } ? true : nil
    }
    recoveries.append(.now - start)
  }

  /// - Returns: when the last of the shards ended its first instance after `start`.
  @discardableResult
  func waitForShards(
    since start: Timestamp, shards: Set<Int> = [0, 1, 2, 3], within limit: Duration
  ) async throws -> Timestamp {
    let list = shards.map(String.init).joined(separator: ",")
    let sql = """
      select count(*) as shards, (extract(epoch from max(first)) * 1000000)::bigint as last
        from (select shard, min(ended_at) as first from instances
               where ended_at > to_timestamp(\(Double(start.microseconds) / 1e6)) and shard in (\(list)) group by shard) x
      """
    let cluster = self.cluster
    let wanted = shards.count
    return try await poll(within: limit, every: .milliseconds(100), "each shard of \(name) to end an instance") {
      // Postgres may be what has been struck.
      guard let rows = try? await cluster.query(sql), let row = rows.first else { return nil }
      return try row.int("shards") == wanted ? Timestamp(microseconds: Int64(try row.int("last"))) : nil
    }
  }

  // MARK: The end

  /// Ends the load, waits until all is done, asserts what must hold, writes the figures and stops everything.
  func settle(
    earlier: [KafkaRecord] = [], note: String? = nil, within limit: Duration = .seconds(120)
  ) async throws {
    try await endLoad()
    let drained = try await drain(within: limit)
    try await cluster.verify(earlier: earlier)
    try await finish(drained: drained, note: note)
  }

  /// Waits until everything that was sent is done.
  @discardableResult
  func drain(within limit: Duration = .seconds(120)) async throws -> Duration {
    let start = ContinuousClock.now
    try await cluster.waitForInstances(sent, within: limit)
    return ContinuousClock.now - start
  }

  /// What is common to all ends.
  func finish(drained: Duration, note: String? = nil) async throws {
    let tally = try await cluster.verifyHistories()
    let watched = await watch.end()
    #expect(watched.regressions == [])
    #expect(watched.samples > 10, "the epochs and positions have hardly been looked at")
    try Figures(
      drill: name, faults: faults, events: sent, instances: tally.instances, losses: tally.losses,
      duplicates: tally.duplicates, samples: watched.samples, recoveries: recoveries, drained: drained, note: note
    ).write()
    try await stopAll()
    await cluster.remove()
  }
}

extension Cluster {
  /// The database by way of another port, such as a proxy's.
  func databaseURL(through port: Int) -> String {
    postgres.databaseURL(String(databaseURL.split(separator: "/").last ?? ""), through: port)
  }
}
