import Kafka
import Postgres
import TestSupport
import Testing
import Values

/// What is started on ground that does not hold says so and ends, with a status that tells a supervisor to leave it.
@Suite(.serialized) struct RefusalTests {
  private static let configuration: Int32 = 78

  private func refusal(_ cluster: Cluster, _ program: String, _ arguments: String...) async throws -> String {
    let process = try cluster.start(program, arguments: arguments)
    #expect(try await process.waitForExit(within: .seconds(30)) == Self.configuration, "\(process.log)")
    return process.log
  }

  @Test(.timeLimit(.minutes(3))) func aPostgresThatMayLoseWhatItConfirms() async throws {
    let cluster = try await Cluster(fsync: false)
    for (program, arguments) in [("mediator", []), ("processor", ["persistence"])] {
      let process = try cluster.start(program, arguments: arguments)
      #expect(try await process.waitForExit(within: .seconds(30)) == Self.configuration)
      #expect(process.log.contains("fsync is off"), "\(process.log)")
      #expect(process.log.contains("--allow-unsafe-postgres"))
    }
    // Nothing was touched.
    #expect(
      try await cluster.count("select count(*) from information_schema.tables where table_schema = 'public'") == 0)
    // A processor without a database has nothing to lose.
    let echo = try cluster.start("processor", "echo", "--channel", "safe")
    let processor = try cluster.start("processor", "persistence", "--allow-unsafe-postgres")
    let mediator = try cluster.start("mediator", "--allow-unsafe-postgres")
    try await cluster.waitForMediator()
    #expect(mediator.log.split(separator: "\n").count { $0.contains("Postgres is not safe") } == 1, "\(mediator.log)")
    try await poll(within: .seconds(30), "the processor's tables") {
      try await cluster.count("select count(*) from schema_migrations where component = 'processors'") > 0 ? true : nil
    }
    for service in [echo, processor, mediator] { #expect(try await service.stop() == 0, "\(service.log)") }
    await cluster.remove()
  }

  @Test(.timeLimit(.minutes(3))) func aRoleWhoseCommitsDoNotWait_andASchemaOfANewerProgram() async throws {
    let cluster = try await Cluster()
    _ = try await cluster.query("alter role postgres set synchronous_commit = off")
    for log in [
      try await refusal(cluster, "mediator"), try await refusal(cluster, "processor", "persistence"),
    ] {
      #expect(log.contains("synchronous_commit is off"), "\(log)")
      #expect(log.contains("alter role postgres reset synchronous_commit"))
    }
    _ = try await cluster.query("alter role postgres reset synchronous_commit")

    let first = [try cluster.start("mediator"), try cluster.start("processor", "persistence")]
    try await cluster.waitForMediator()
    try await poll(within: .seconds(30), "the processor's tables") {
      try await cluster.count("select count(*) from schema_migrations where component = 'processors'") > 0 ? true : nil
    }
    for service in first { #expect(try await service.stop() == 0) }
    _ = try await cluster.query(
      """
      insert into schema_migrations (component, number, name, digest)
      select component, 999, 'of-tomorrow', '' from unnest(array['mediator', 'processors']) as component
      """)
    for log in [
      try await refusal(cluster, "mediator"), try await refusal(cluster, "processor", "persistence"),
    ] {
      #expect(log.contains("migration 999 (of-tomorrow)"), "\(log)")
      #expect(log.contains("newer version"))
    }
    await cluster.remove()
  }

  /// A topic that is created anew has other records at the same offsets: nothing is started on it; and where that is
  /// allowed, its partitions are not read, and everybody who asks is told.
  @Test(.timeLimit(.minutes(3))) func aTopicThatWasCreatedAnewUnderItsPositions() async throws {
    let cluster = try await Cluster()
    try await cluster.run("mediatorctl", "deploy", try cluster.write(Self.definition, to: "note.yaml"))
    let first = try cluster.start("mediator")
    try await cluster.waitForMediator()
    try await cluster.send((0..<20).map { SentEvent("note.me", "before-\($0)", .null) })
    try await cluster.waitForInstances(20, within: .seconds(60))
    #expect(try await first.stop() == 0)

    let admin = try KafkaAdmin(cluster.kafka)
    try await admin.deleteTopic("mediator.queue")
    try await admin.createTopic("mediator.queue", partitions: 4)
    await admin.close()
    let refused = try await refusal(cluster, "mediator")
    #expect(refused.contains("the topic was created anew"), "\(refused)")
    #expect(refused.contains("mediatorctl partitions accept mediator.queue"), "\(refused)")
    #expect(refused.contains("--allow-recreated-topics"), "\(refused)")
    // Nobody has halted anything, and whoever decides sees what it is about.
    let stored = try await cluster.query("select partition from positions where topic = 'mediator.queue' order by 1")
    let numbers = try stored.map { try $0.int("partition") }
    let answered = try JSON.parse(
      try await cluster.run(
        "mediatorctl", "partitions", "accept", "mediator.queue", "\(numbers[0])", "--yes", "--output", "json"))
    #expect(answered["finding"]?.string?.contains("the topic was created anew") == true, "\(answered)")
    #expect(try await cluster.count("select count(*) from position_decisions") == 1)
    try #require(numbers.count > 1, "one partition has all of it")

    let port = String(try BrokerServer.freePort())
    let second = try cluster.start("mediator", "--allow-recreated-topics", "--health-port", port)
    let answer = try await poll(within: .seconds(60), "not ready because of the partitions") {
      let answer = try await cluster.run("/usr/bin/curl", "-s", "http://127.0.0.1:\(port)/readyz", expecting: nil)
      return answer.contains("partitions") ? answer : nil
    }
    #expect(answer.contains("not ready"))
    #expect(answer.contains("mediator.queue"))
    #expect(second.log.contains("critical"), "\(second.log)")
    #expect(second.log.contains("partition halted: it is not read any more"))

    // An operator decides; the mediator runs on.
    let halted = try await haltedPartitions(cluster)
    try await cluster.run("mediatorctl", "partitions", "accept", "mediator.queue", "\(halted[0])", expecting: 1)
    try await cluster.run("mediatorctl", "partitions", "accept", "mediator.queue", "\(halted[0])", "--dry-run")
    #expect(try await cluster.count("select count(*) from position_decisions") == 1)
    for partition in halted {
      try await cluster.run("mediatorctl", "partitions", "accept", "mediator.queue", "\(partition)", "--yes")
    }
    try await cluster.run(
      "mediatorctl", "partitions", "accept", "mediator.queue", "\(halted[0])", "--yes", expecting: 1)
    #expect(try await cluster.count("select count(*) from position_decisions") == 1 + halted.count)
    try await poll(within: .seconds(30), "ready again") {
      let status = try await cluster.run(
        "/usr/bin/curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:\(port)/readyz",
        expecting: nil)
      return status.contains("200") ? true : nil
    }
    try await cluster.send((0..<20).map { SentEvent("note.me", "after-\($0)", .null) })
    try await cluster.waitForInstances(40, within: .seconds(60))
    #expect(try await second.stop() == 0)
    // All is decided: nothing stands against a start any more.
    let third = try cluster.start("mediator")
    try await cluster.waitForMediator()
    try await cluster.send([SentEvent("note.me", "later", .null)])
    try await cluster.waitForInstances(41, within: .seconds(60))
    #expect(try await third.stop() == 0)
    await cluster.remove()
  }

  /// The partitions of the queue that have a position, as soon as the list tells that all of them are halted.
  private func haltedPartitions(_ cluster: Cluster) async throws -> [Int] {
    let stored = try await cluster.count("select count(*) from positions where topic = 'mediator.queue'")
    return try await poll(within: .seconds(30), "the halted partitions to be listed") { () async throws -> [Int]? in
      let list = try JSON.parse(try await cluster.run("mediatorctl", "partitions", "list", "--output", "json"))
      let halted = (list["partitions"]?.array ?? []).filter { $0["halts"]?.array?.isEmpty == false }
      let numbers = halted.compactMap { $0["partition"]?.int }
      return numbers.count == stored ? numbers : nil
    }
  }

  private static let definition = """
    document: {dsl: 1.0.3, namespace: examples, name: note, version: 1.0.0}
    schedule:
      on:
        one:
          with: {type: note.me}
    do: [{note: {set: {noted: true}}}]
    """
}
