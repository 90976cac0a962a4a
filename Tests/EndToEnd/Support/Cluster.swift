import Glibc
import Kafka
import Postgres
import Synchronization
import TestSupport
import Testing
import Values

/// A Postgres cluster, a broker, and the programs of this package running against them.
final class Cluster: Sendable {
  let postgres: PostgresServer
  let broker: BrokerServer
  /// What the programs talk to.
  let kafka: KafkaConfiguration
  let databaseURL: String
  let directory: String
  private let settings: [String: String]
  private let counter = Mutex(0)

  /// - Parameters:
  ///   - mock: talked to instead of the private broker.
  ///   - lifecycle: which lifecycle events there are. The broker keeps every record in memory, so none where there is
  ///     much to do.
  ///   - postgres: another server than one with the tests' settings.
  ///   - settings: environment variables for every program.
  ///   - fsync: whether Postgres keeps what it has confirmed.
  init(
    mock: MockBrokerServer? = nil, lifecycle: String = "off", postgres server: PostgresServer? = nil,
    settings: [String: String] = [:], fsync: Bool = true
  ) async throws {
    self.settings = settings.merging(["MEDIATOR_MEDIATOR_LIFECYCLE": lifecycle]) { given, _ in given }
    if let server { postgres = server } else { postgres = try await PostgresServer.start(fsync: fsync) }
    broker = try await BrokerServer.start()
    kafka = mock?.configuration ?? broker.configuration
    databaseURL = try await postgres.databaseURL(newDatabase: "mediator")
    var template = Array("/tmp/mediator-e2e-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw ServiceProcess.Failure("mkdtemp failed") }
    directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  var environment: [String: String] {
    settings.merging([
      "DATABASE_URL": databaseURL, "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrapServers, "TELEGRAM_BOT_TOKEN": "",
    ]) { given, _ in given }
  }

  /// Starts a program of this package; its output goes to a file of its own.
  func start(_ program: String, _ arguments: String...) throws -> ServiceProcess {
    try start(program, arguments: arguments)
  }

  func start(
    _ program: String, arguments: [String], at terminal: PseudoTerminal? = nil
  ) throws -> ServiceProcess {
    let number = counter.withLock { counter in
      counter += 1
      return counter
    }
    return try ServiceProcess(
      program, arguments, environment: environment,
      logFile: "\(directory)/\(number)-\(program.split(separator: "/").last ?? "program").log", terminal: terminal)
  }

  /// Runs a program to its end.
  @discardableResult
  func run(
    _ program: String, _ arguments: String..., expecting expected: Int32? = 0, within limit: Duration = .seconds(120)
  ) async throws -> String {
    try await run(program, arguments, expecting: expected, within: limit)
  }

  @discardableResult
  func run(
    _ program: String, _ arguments: [String], expecting expected: Int32? = 0, within limit: Duration = .seconds(120)
  ) async throws -> String {
    let number = counter.withLock { counter in
      counter += 1
      return counter
    }
    let process = try ServiceProcess(
      program, arguments, environment: environment,
      logFile: "\(directory)/\(number)-\(program.split(separator: "/").last ?? "program").log")
    let status = try await process.waitForExit(within: limit)
    let output = process.output
    guard expected == nil || status == expected else {
      throw ServiceProcess.Failure("\(program) \(arguments) ended with \(status): \(output)\(process.log)")
    }
    return output
  }

  /// Writes a file into the cluster's directory, and gives its path.
  func write(_ text: String, to name: String) throws -> String {
    let path = "\(directory)/\(name)"
    guard let file = fopen(path, "w") else { throw ServiceProcess.Failure("cannot write \(path)") }
    defer { fclose(file) }
    fputs(text, file)
    return path
  }

  func remove() async {
    await broker.remove()
    await postgres.remove()
    for entry in (try? listDirectory()) ?? [] { unlink("\(directory)/\(entry)") }
    rmdir(directory)
  }

  private func listDirectory() throws -> [String] {
    guard let handle = opendir(directory) else { return [] }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  // MARK: Looking

  /// The first column of the first row, as a number.
  func count(_ sql: String) async throws -> Int {
    let rows = try await query(sql)
    guard let row = rows.first else { return 0 }
    return try row.int(0)
  }

  func query(_ sql: String) async throws -> PostgresRows {
    let connection = try await PostgresConnection.connect(PostgresConfiguration(databaseURL))
    do {
      let rows = try await connection.query(sql)
      await connection.close()
      return rows
    } catch {
      await connection.close()
      throw error
    }
  }

  /// Every record of a topic, partition by partition.
  func scan(_ topic: String) async throws -> [KafkaRecord] {
    let admin = try KafkaAdmin(kafka)
    let partitions = try await admin.describe(topic).partitions.map { TopicPartition(topic: topic, partition: $0) }
    let ends = try await admin.watermarks(partitions)
    let total = ends.values.reduce(0) { $0 + Int($1.high - $1.low) }
    let consumer = try await KafkaConsumer.assigned(
      kafka, positions: ends.mapValues(\.low), groupID: nil)
    var records: [KafkaRecord] = []
    while records.count < total {
      let batch = try await consumer.nextBatch(max: 1000, wait: .seconds(10))
      if batch.isEmpty { break }
      records += batch
    }
    await consumer.close()
    await admin.close()
    try #require(records.count >= total, "\(topic) has \(total) records, \(records.count) could be read")
    return records
  }

  /// Waits until a mediator holds every shard; the topics exist then.
  func waitForMediator() async throws {
    try await poll(within: .seconds(30), "a mediator to hold the shards") {
      guard let free = try? await self.count("select count(*) from shards where owner is null"),
        let all = try? await self.count("select count(*) from shards")
      else { return nil as Bool? }
      return all > 0 && free == 0 ? true : nil
    }
  }

  /// Waits until every instance has ended and at least `count` of them are there.
  func waitForInstances(_ expected: Int, within limit: Duration) async throws {
    try await poll(within: limit, every: .milliseconds(500), "\(expected) ended instances") {
      // Postgres may be down at this moment of the test.
      guard let ended = try? await self.count("select count(*) from instances where ended_at is not null"),
        let open = try? await self.count("select count(*) from instances where ended_at is null")
      else { return nil as Bool? }
      return ended >= expected && open == 0 ? true : nil
    }
  }
}
