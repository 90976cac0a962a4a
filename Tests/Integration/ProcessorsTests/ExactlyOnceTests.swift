import Kafka
import Postgres
import Processors
import TestSupport
import Testing
import Values
import Wire

/// One effect for each event, whatever happens on the way. The table has no unique constraint, so a second effect of an
/// event would show.
struct ExactlyOnceTests {
  private func table() throws -> TableDefinition {
    try TableDefinition(name: "log", columns: [.init("key", .text), .init("n", .bigint)], unique: [])
  }

  private func station() async throws -> Station {
    let station = try await Station(partitions: 4)
    try await station.execute("create table log (key text, n bigint)")
    return station
  }

  private func data(_ key: String) -> JSON { ["table": "log", "row": ["key": .string(key), "n": 1]] }

  private func expectOneEffectEach(_ count: Int, _ station: Station) async throws {
    #expect(try await station.count("select count(*) from log") == count)
    #expect(try await station.count("select count(distinct key) from log") == count)
  }

  /// Sends events in some batches, every tenth of them twice.
  private func send(_ count: Int, to station: Station, every pause: Duration = .milliseconds(20)) async throws -> Set<
    String
  > {
    var keys: Set<String> = []
    for start in stride(from: 0, to: count, by: 100) {
      var events: [ProcessingEvent] = []
      for number in start..<min(start + 100, count) {
        let key = "e\(number)"
        keys.insert(key)
        let event = station.event(key, data(key), partitionKey: "m\(number % 17)")
        events.append(event)
        if number % 10 == 0 { events.append(event) }
      }
      try await station.send(events)
      // The pace of the load; nothing is waited for.
      try await Task.sleep(for: pause)
    }
    return keys
  }

  private func waitForReplies(_ keys: Set<String>, _ station: Station) async throws -> [Reply] {
    do {
      return try await poll(within: .seconds(90), every: .milliseconds(500), "a reply to every event") {
        let replies = try await station.replies(atLeast: 0)
        return Set(replies.map { String($0.causationID.dropLast(2)) }).isSuperset(of: keys) ? replies : nil
      }
    } catch {
      Issue.record("the log: \(station.logs.all.suffix(100).joined(separator: "\n"))")
      throw error
    }
  }

  @Test func twoMembersThatRaceForTheSameEvents() async throws {
    let station = try await station()
    try await ProcessorSchema.migrate(try PostgresConfiguration(station.databaseURL))
    let handler = PersistenceHandler(tables: [try table()])
    let configuration = try PostgresConfiguration(station.databaseURL)
    let stores = (0..<3).map { _ in
      PostgresBatchStore(handler: handler, processor: "race", configuration: configuration)
    }
    for round in 0..<30 {
      let items = (0..<20).map { number in
        let key = "\(round).\(number)"
        let event = ProcessorEvent(
          place: RecordPlace(TopicPartition(topic: "t", partition: 0), 0), idempotencyKey: key, data: data(key),
          recipient: .nobody(KafkaRecord(topic: "t", partition: 0, offset: 0)))
        return BatchItem(idempotencyKey: key, work: handler.validate(event))
      }
      let settled = try await withThrowingTaskGroup(of: [Settlement].self) { group in
        for store in stores {
          group.addTask {
            while true {
              do { return try await store.settle(items.shuffled()) } catch let error as ProcessorError {
                try #require(error.code == .conflict || error.message.contains("deadlock"), "\(error)")
              }
            }
          }
        }
        return try await group.reduce(into: []) { $0 += $1 }
      }
      #expect(settled.filter { !$0.wasKnown }.count == 20)
      #expect(Set(settled.map(\.outcome)).count == 1)
    }
    try await expectOneEffectEach(600, station)
    for store in stores { await store.close() }
  }

  @Test func membersComeAndGoUnderLoad() async throws {
    let station = try await station()
    let kind = ProcessorOptions.Kind.persistence(tables: [try table()])
    let first = try station.start(kind)
    async let sent = send(4000, to: station, every: .milliseconds(60))
    // Members come and go in the middle of the load, at times that nothing depends on.
    try await Task.sleep(for: .milliseconds(500))
    let second = try station.start(kind)
    try await Task.sleep(for: .milliseconds(800))
    let third = try station.start(kind)
    try await Task.sleep(for: .milliseconds(500))
    try await first.stop()
    try await third.stop()
    let keys = try await sent
    let replies = try await waitForReplies(keys, station)
    try await second.stop()
    #expect(Set(replies.map(\.kind)).count == 1)
    try await expectOneEffectEach(4000, station)
    // Everything is committed: a new member finds nothing to do.
    #expect(try await station.committed() == 4400)
  }

  @Test func postgresIsCutOffAgainAndAgain() async throws {
    let server = try await PostgresServer.shared
    let direct = try await station()
    let proxy = try TCPProxy(to: server.port)
    let name = String(direct.databaseURL.split(separator: "/").last ?? "")
    let path = server.databaseURL(name, through: proxy.port)
    let station = try await Station(partitions: 4, database: path)
    let processor = try station.start(.persistence(tables: [try table()]))
    async let sent = send(3000, to: station, every: .milliseconds(60))
    for _ in 0..<25 {
      // When the connection is cut is left to chance.
      try await Task.sleep(for: .milliseconds(Int.random(in: 20...120)))
      proxy.cut()
    }
    proxy.refuse(true)
    proxy.cut()
    // How long the database is away.
    try await Task.sleep(for: .seconds(1))
    proxy.refuse(false)
    let keys = try await sent
    let replies = try await waitForReplies(keys, station)
    try await processor.stop()
    #expect(replies.allSatisfy { $0.kind.output != nil })
    try await expectOneEffectEach(3000, station)
    // One line per change of state.
    let lines = station.logs.all.filter { $0.hasPrefix("warning database is down") }
    #expect(!lines.isEmpty && lines.count <= 30)
  }

  @Test func aSilentPostgresIsGivenUpAndComesBack() async throws {
    let server = try await PostgresServer.shared
    let direct = try await station()
    let proxy = try TCPProxy(to: server.port)
    let name = String(direct.databaseURL.split(separator: "/").last ?? "")
    let station = try await Station(database: server.databaseURL(name, through: proxy.port))
    let processor = try station.start(.persistence(tables: [try table()]))
    _ = try await station.ask("before", data("before"))
    proxy.freeze()
    try await station.send([station.event("during", data("during"))])
    try await poll(within: .seconds(20), "the silence to be noticed") {
      station.logs.all.contains { $0.hasPrefix("warning database is down") } ? true : nil
    }
    proxy.cut()
    proxy.thaw()
    _ = try await waitForReplies(["before", "during"], station)
    try await processor.stop()
    try await expectOneEffectEach(2, station)
  }

  @Test func theBrokerIsCutOffAgainAndAgain() async throws {
    let broker = try await BrokerServer.start()
    defer { Task { await broker.remove() } }
    // Clients go where the broker says it is, so the broker itself is paused.
    let station = try await Station(partitions: 4, broker: broker)
    try await station.execute("create table log (key text, n bigint)")
    let processor = try station.start(.persistence(tables: [try table()]), instance: "p1")
    async let sent = send(2000, to: station, every: .milliseconds(100))
    for _ in 0..<3 {
      // Runs for a while, then stands still for a while.
      try await Task.sleep(for: .milliseconds(400))
      await broker.suspend()
      try await Task.sleep(for: .milliseconds(700))
      await broker.resume()
    }
    let keys = try await sent
    _ = try await waitForReplies(keys, station)
    try await processor.stop()
    try await expectOneEffectEach(2000, station)
  }

  // MARK: An older database

  private static let tables = ["log", "processor_inbox", "processor_positions"]

  private func snapshot(_ station: Station) async throws {
    try await station.execute(Self.tables.map { "create table old_\($0) as table \($0);" }.joined())
  }

  private func putBack(_ station: Station) async throws {
    let statements = Self.tables.map { "delete from \($0); insert into \($0) select * from old_\($0);" }
    try await station.execute("begin; \(statements.joined()) commit")
  }

  private func act(_ keys: Range<Int>, _ station: Station) async throws {
    let events = keys.map { station.event("e\($0)", data("e\($0)"), partitionKey: "m\($0 % 17)") }
    let before = try await station.replies(atLeast: 0).count
    try await station.send(events)
    _ = try await station.replies(atLeast: before + keys.count)
    let (group, known) = (
      try await station.committed(), "select coalesce(sum(position), 0)::bigint from processor_positions"
    )
    #expect(group <= Int64(try await station.count(known)))
  }

  /// What came after the snapshot is not there any more, though the group has read it: it is read again.
  @Test func anOlderDatabaseCatchesUp() async throws {
    let station = try await station()
    let kind = ProcessorOptions.Kind.persistence(tables: [try table()])
    try await station.withProcessor(kind) { try await act(0..<60, station) }
    try await snapshot(station)
    try await station.withProcessor(kind) { try await act(60..<130, station) }
    try await putBack(station)
    try await expectOneEffectEach(60, station)
    try await station.withProcessor(kind) {
      try await poll(within: .seconds(30), "the effects to be there again") {
        try await station.count("select count(*) from log") == 130 ? true : nil
      }
      try await act(130..<140, station)
    }
    try await expectOneEffectEach(140, station)
    #expect(station.logs.all.contains { $0.contains("the database is older than the group's positions") })
  }

  /// Nobody has stopped the processor for it.
  @Test func soDoesOneThatIsPutBackUnderARunningProcessor() async throws {
    let station = try await station()
    try await station.withProcessor(.persistence(tables: [try table()])) {
      try await act(0..<60, station)
      try await snapshot(station)
      try await act(60..<130, station)
      try await putBack(station)
      // The next ones show it.
      try await station.send((130..<160).map { station.event("e\($0)", data("e\($0)"), partitionKey: "m\($0 % 17)") })
      try await poll(within: .seconds(60), "the effects to be there again") {
        try await station.count("select count(*) from log") == 160 ? true : nil
      }
    }
    try await expectOneEffectEach(160, station)
  }
}
