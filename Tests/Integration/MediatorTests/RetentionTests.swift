import Logging
import Postgres
import TestSupport
import Testing
import Values

@testable import Mediator

/// What is over goes, in small deletes, and the space is used again.
@Suite struct RetentionTests {
  private func rows(_ shard: Int32 = 0, instances: Int = 500, other: Int = 5000) -> RetentionRows {
    var options = RetentionOptions()
    options.instances = .seconds(3600)
    options.maxInstances = instances
    options.maxRows = other
    return RetentionRows(shard: shard, options: options, timeout: .seconds(60))
  }

  /// Instances that ended `age` ago, each with some rows in the journal, numbered from the shard's last.
  private static func insert(
    _ count: Int, shard: Int = 0, age: String, rows: Int = 3, isOpen: Bool = false
  ) -> String {
    """
    with made as (
      insert into instances (id, shard, definition, status, started_at, updated_at, ended_at, input)
      select gen_random_uuid(), \(shard), 1, '\(isOpen ? "running" : "completed")', now() - interval '\(age)',
             now() - interval '\(age)', \(isOpen ? "null" : "now() - interval '\(age)'"), json_build_array(repeat('x', 300))
        from generate_series(1, \(count))
      returning id
    )
    insert into journal (shard, sequence, instance, at, requests, entries)
    select \(shard), (select coalesce(max(sequence), 0) from journal where shard = \(shard)) + row_number() over (),
           id, now(), 1, json_build_array(repeat('y', 200))
      from made, generate_series(1, \(rows));
    """
  }

  private func cluster() async throws -> (Cluster, PostgresConnection) {
    let cluster = try await Cluster.make()
    _ = try await cluster.deploy(body: "do: [{ask: {call: oracle}}]")
    let leases = LeaseStore(pool: cluster.pool, mediatorID: "m", lease: .seconds(60), timeout: .seconds(20))
    _ = try await leases.initialize(shards: 3)
    return (cluster, try await PostgresConnection.connect(cluster.configuration))
  }

  @Test func onlyWhatIsOverGoes() async throws {
    let (cluster, connection) = try await cluster()
    let script = [
      Self.insert(4, age: "2 hours"), Self.insert(3, age: "10 minutes"), Self.insert(2, age: "2 hours", isOpen: true),
      Self.insert(5, shard: 1, age: "2 hours"), "update shards set publish_mark = 1000",
    ]
    try await connection.execute(script: script.joined(separator: ";\n"))
    let deleted = try await rows().delete(on: connection)
    #expect(deleted == RetentionRows.Deleted(instances: 4, journal: 12))
    #expect(try await rows().delete(on: connection).isEmpty)
    #expect(try await cluster.count("select count(*) from instances where shard = 0") == 5)
    #expect(try await cluster.count("select count(*) from journal where shard = 0") == 15)
    #expect(try await cluster.count("select count(*) from instances where shard = 1") == 5)
    await connection.close()
    await cluster.close()
  }

  /// A new owner publishes what is above the mark, and reads the instance for it.
  @Test func whatIsNotPublishedStays() async throws {
    let (cluster, connection) = try await cluster()
    try await connection.execute(script: Self.insert(2, age: "2 hours"))
    try await connection.execute(
      script: """
        insert into forwarded_replies (shard, sequence, partition, headers) values (0, 5, 1, ''), (0, 7, 1, '');
        update shards set publish_mark = 5 where shard = 0;
        """)
    #expect(
      try await rows().delete(on: connection)
        == RetentionRows.Deleted(instances: 1, journal: 5, forwardedReplies: 1))
    let left = try await connection.query("select min(sequence) as sequence, count(*) as count from journal")
    #expect(try left[0].int("sequence") == 6)
    #expect(try left[0].int("count") == 1)
    #expect(try await cluster.count("select sequence from forwarded_replies") == 7)
    try await connection.execute(script: "update shards set publish_mark = 7")
    #expect(
      try await rows().delete(on: connection)
        == RetentionRows.Deleted(instances: 1, journal: 1, forwardedReplies: 1))
    await connection.close()
    await cluster.close()
  }

  /// What nobody has dealt with, or the topic has not got, stays however old it is.
  @Test func deadLettersThatAreDealtWithGo() async throws {
    let (cluster, connection) = try await cluster()
    try await connection.execute(
      script: """
        insert into dead_letters (shard, sequence, topic, partition, "offset", timestamp, headers, reason, detail, status,
                                  changed_at, unpublished, instance)
        select 0, n, 't', 0, n, 0, '', 'r', 'd',
               (array['open', 'redriven', 'parked', 'dropped', 'dropped', 'dropped', 'resolved', 'resolved', 'redriven'])[n],
               now() - case when n in (5, 8) then interval '1 day' else interval '91 days' end,
               case n when 6 then 'no such topic' end,
               case when n in (7, 8) then '00000000-0000-0000-0000-000000000001'::uuid end
          from generate_series(1, 9) as n;
        insert into dead_letter_history (letter_shard, letter_sequence, action, actor, round, detail)
        select 0, n, 'x', 'y', 0, '' from generate_series(1, 9) as n;
        update shards set publish_mark = 8 where shard = 0;
        """)
    #expect(try await rows().delete(on: connection) == RetentionRows.Deleted(deadLetters: 3))
    #expect(try await rows().delete(on: connection).isEmpty)
    let left = try await connection.query(
      "select d.sequence from dead_letters d join dead_letter_history on letter_sequence = d.sequence order by 1")
    #expect(try left.map { try $0.int("sequence") } == [1, 3, 5, 6, 8, 9])
    #expect(try await cluster.count("select count(*) from dead_letter_history") == 6)
    await connection.close()
    await cluster.close()
  }

  /// An instance with a very long journal is deleted in several bites, and never before its last row.
  @Test func eachDeleteIsBounded() async throws {
    let (cluster, connection) = try await cluster()
    try await connection.execute(
      script: Self.insert(1, age: "3 hours", rows: 250) + Self.insert(10, age: "2 hours")
        + "update shards set publish_mark = 1000")
    let rows = rows(instances: 4, other: 100)
    var deletes: [RetentionRows.Deleted] = []
    repeat { deletes.append(try await rows.delete(on: connection)) } while deletes.last?.isFull == true
    #expect(deletes.allSatisfy { $0.instances <= 4 && $0.journal <= 100 })
    #expect(deletes.map(\.instances).reduce(0, +) == 11)
    #expect(deletes.map(\.journal).reduce(0, +) == 280)
    #expect(deletes.prefix(2).allSatisfy { $0 == RetentionRows.Deleted(journal: 100, isFull: true) })
    await connection.close()
    await cluster.close()
  }

  /// A former owner may still be at it.
  @Test func twoAtOnceDoNotHoldEachOtherUp() async throws {
    let (cluster, connection) = try await cluster()
    try await connection.execute(
      script: Self.insert(3000, age: "2 hours") + "update shards set publish_mark = 1000000")
    let total = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<2 {
        group.addTask {
          let connection = try await PostgresConnection.connect(cluster.configuration)
          var total = 0
          while true {
            let deleted = try await rows(instances: 100).delete(on: connection)
            total += deleted.instances
            if deleted.isEmpty { break }
          }
          await connection.close()
          return total
        }
      }
      return try await group.reduce(0, +)
    }
    // One may find everything that is left in the hands of the other, and ends.
    #expect(total >= 1500)
    while !(try await rows().delete(on: connection).isEmpty) {}
    #expect(try await cluster.count("select count(*) from instances") == 0)
    #expect(try await cluster.count("select count(*) from journal") == 0)
    await connection.close()
    await cluster.close()
  }

  /// An instance that is locked because somebody changes it is passed over.
  @Test func whatSomebodyChangesIsPassedOver() async throws {
    let (cluster, connection) = try await cluster()
    try await connection.execute(
      script: Self.insert(2, age: "2 hours") + "update shards set publish_mark = 1000")
    let operatorConnection = try await PostgresConnection.connect(cluster.configuration)
    try await operatorConnection.execute(
      script: "begin; update instances set ended_at = null where id = (select id from instances limit 1)")
    #expect(try await rows().delete(on: connection).instances == 1)
    try await operatorConnection.execute(script: "commit")
    #expect(try await rows().delete(on: connection).isEmpty)
    #expect(try await cluster.count("select count(*) from journal") == 3)
    await operatorConnection.close()
    await connection.close()
    await cluster.close()
  }

  @Test func theSweeperDeletesUntilNothingIsOver() async throws {
    let (cluster, connection) = try await cluster()
    try await connection.execute(
      script: Self.insert(50, age: "2 hours") + "update shards set publish_mark = 1000")
    var options = RetentionOptions()
    options.instances = .seconds(3600)
    options.maxInstances = 8
    options.pause = .zero
    let sweeper = RetentionSweeper(
      database: cluster.configuration, options: options, timeout: .seconds(20), logger: Logger(label: "test"))
    try await sweeper.sweep(0, on: connection)
    #expect(try await cluster.count("select count(*) from instances") == 0)
    await connection.close()
    await cluster.close()
  }

  // MARK: Bloat

  private static let tables = ["instances", "journal", "forwarded_replies"]

  /// As many come as go, twenty times over: tables and indexes keep their size.
  @Test(.timeLimit(.minutes(5))) func sizesStayFlat() async throws {
    let (cluster, connection) = try await cluster()
    var sizes: [[String: Int]] = []
    for _ in 1...20 {
      // What was new in the last cycle is old in this one.
      try await connection.execute(
        script: "update instances set ended_at = now() - interval '2 hours';\n"
          + Self.insert(1000, age: "1 minute")
            + """
            insert into forwarded_replies (shard, sequence, partition, value, headers)
            select 0, coalesce((select max(sequence) from forwarded_replies), 0) + n, 1, repeat('z', 300)::bytea, ''
              from generate_series(1, 1000) as n;
            update shards set publish_mark = 1000000000;
            """)
      while !(try await rows().delete(on: connection).isEmpty) {}
      // As autovacuum does, at a time that a test can know. Without giving space back: that is a matter of luck (whether
      // the last pages are empty), and would hide growth.
      for table in Self.tables { try await connection.execute(script: "vacuum (truncate off) \(table)") }
      var size: [String: Int] = [:]
      for table in Self.tables {
        size[table] = try await cluster.count("select pg_total_relation_size('\(table)')")
      }
      sizes.append(size)
    }
    for table in Self.tables {
      let (early, late) = (sizes[4][table] ?? 0, sizes[19][table] ?? 0)
      #expect(Double(late) <= 1.2 * Double(early), "\(table): \(sizes.map { $0[table] ?? 0 })")
    }
    #expect(try await cluster.count("select count(*) from instances") == 1000)
    await connection.close()
    await cluster.close()
  }

  // MARK: The migration

  /// What was collected before it finds the shard that expires it.
  @Test func whatWasCollectedBeforeHasItsHome() async throws {
    let configuration = try PostgresConfiguration(
      await PostgresServer.shared.databaseURL(newDatabase: "mediator"))
    let connection = try await PostgresConnection.connect(configuration)
    let all = MediatorSchema.migrations.migrations
    try await Migrations(component: "mediator", all.filter { $0.number < 7 }).apply(on: connection)
    let workflows = ["tests/a", "shop/order", "überall/größe", "a/b", "examples/equipment-status"]
    _ = try await connection.query("insert into cluster (shards) values (7)")
    _ = try await connection.query(
      "insert into collected (workflow, correlation, filter, number, event) select w, '', 0, 1, '{}' from unnest($1) as w",
      [.texts(workflows)])
    try await MediatorSchema.migrations.apply(on: connection)
    let rows = try await connection.query("select workflow, shard from collected")
    #expect(rows.count == workflows.count)
    for row in rows { #expect(try row.int("shard") == Int(ShardHome.of(try row.text("workflow"), shards: 7))) }
    await connection.close()
  }
}
