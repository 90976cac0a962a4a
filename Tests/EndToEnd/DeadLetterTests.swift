import Kafka
import Postgres
import TestSupport
import Testing
import Values

/// Poison that is looked at, edited and sent again, with the programs as people use them.
@Suite(.serialized) struct DeadLetterTests {
  static let configuration = """
    mediator:
      queues:
        - {topic: readings, type: reading.taken, source: /line/7}
      lifecycle: off
      maxRedrives: 4
    """

  static let definition = """
    document: {dsl: 1.0.3, namespace: factory, name: keep-reading, version: 1.0.0}
    schedule: {on: {one: {with: {type: reading.taken}}}}
    input: {from: "$workflow.input[0].data"}
    do:
      - store:
          call: persistence
          with:
            table: equipment_status
            row: {equipment: "${ .machine }", device: edge-1, time: "${ .at }", producing: true, sequence: 1}
    """

  @Test(.timeLimit(.minutes(4))) func threeTimesSentAgainItsEffectIsThereOnce() async throws {
    let cluster = try await Cluster()
    let config = try cluster.write(Self.configuration, to: "mediator.yaml")
    // Made beforehand: this broker may tell of a new topic before it tells of all of its partitions.
    let admin = try KafkaAdmin(cluster.kafka)
    try await admin.createTopic("readings", partitions: 4)
    await admin.close()
    try await cluster.run("mediatorctl", "deploy", try cluster.write(Self.definition, to: "keep.yaml"))
    let services = [
      try cluster.start("mediator", "--config", config), try cluster.start("processor", "persistence"),
    ]
    try await cluster.waitForMediator()

    // A brace is missing.
    let value = #"{"machine": "press-1", "at": "2026-01-02T03:04:05Z""#
    let producer = try KafkaProducer(cluster.kafka)
    for result in await producer.send([
      OutgoingRecord(topic: "readings", partition: 1, key: Array("press-1".utf8), value: Array(value.utf8))
    ]) { _ = try result.get() }
    await producer.close()
    try await cluster.wait(for: 1, "a dead letter", "select count(*) from dead_letters")
    let listed = try JSON.parse(try await cluster.run("mediatorctl", "dlq", "list", "--output", "json"))
    let id = try #require(listed["letters"]?[0]?["id"]?.string)
    #expect(listed["letters"]?[0]?["reason"] == "notJSON")

    // As it is, it comes back, and is the same row.
    try await cluster.run("mediatorctl", "dlq", "redrive", id, "--config", config)
    try await cluster.wait(
      for: 1, "it to come back", "select count(*) from dead_letter_history where action = 'returned'")
    #expect(try await cluster.count("select count(*) from dead_letters") == 1)
    #expect(try await cluster.count("select rounds from dead_letters where status = 'open'") == 1)

    try await cluster.run(
      "mediatorctl", "dlq", "edit", id, "--value", try cluster.write(value + "}", to: "letter.json"))
    for _ in 0..<3 { try await cluster.run("mediatorctl", "dlq", "redrive", id, "--config", config) }
    // The four of them and the first: everything has been read.
    try await cluster.wait(
      for: 1, "all to be read",
      "select count(*) from positions where topic = 'readings' and partition = 1 and position = 5")
    try await cluster.waitForInstances(1, within: .seconds(60))
    #expect(try await cluster.count("select count(*) from instances") == 1)
    #expect(
      try await cluster.query("select event_id, status from instances").map {
        [try $0.text("event_id"), try $0.text("status")]
      } == [["readings/1/0", "completed"]])
    #expect(try await cluster.count("select count(*) from processor_inbox") == 1)
    #expect(try await cluster.count("select count(*) from equipment_status") == 1)
    #expect(try await cluster.count("select count(*) from dead_letters where status = 'redriven' and rounds = 4") == 1)

    // Enough is enough; and what it became is told, beside what it was.
    try await cluster.run("mediatorctl", "dlq", "redrive", id, "--config", config, expecting: 1)
    let shown = try JSON.parse(try await cluster.run("mediatorctl", "dlq", "show", id, "--output", "json"))
    #expect(shown["value"]?["text"]?.string == value)
    #expect(shown["edited"]?["value"]?["text"]?.string == value + "}")
    #expect(shown["instances"]?[0]?["status"] == "completed")
    #expect(shown["history"]?.array?.count == 6)
    let letters = try await cluster.scan("mediator.dead-letters")
    #expect(letters.map { $0.header("dl_id") } == [id, id])
    #expect(letters.map { $0.header("dl_attempts") } == ["1", "2"])
    #expect(letters.map { $0.header("dl_offset") } == ["0", "0"])

    try await cluster.run("mediatorctl", "dlq", "drop", id, "--why", "seen")
    #expect(try await cluster.run("mediatorctl", "dlq", "list") == "No dead letters.\n")
    try await cluster.run("mediatorctl", "dlq", "show", "77-1", expecting: 4)
    for service in services { #expect(try await service.stop() == 0, "\(service.log.suffix(2000))") }
    await cluster.remove()
  }

  /// The instance faults and says so; the event that nobody could act on can be looked at.
  @Test(.timeLimit(.minutes(3))) func aCallThatNobodyCatchesIsThere() async throws {
    let cluster = try await Cluster()
    let text = Self.definition.replacing("equipment_status", with: "no_such_table")
    try await cluster.run("mediatorctl", "deploy", try cluster.write(text, to: "keep.yaml"))
    let services = [try cluster.start("mediator"), try cluster.start("processor", "persistence")]
    try await cluster.waitForMediator()
    try await cluster.send([SentEvent("reading.taken", "e1", ["machine": "press-1", "at": "2026-01-02T03:04:05Z"])])
    try await cluster.waitForInstances(1, within: .seconds(60))
    let listed = try JSON.parse(
      try await cluster.run("mediatorctl", "dlq", "list", "--workflow", "keep-reading", "--output", "json"))
    let letter = try #require(listed["letters"]?[0])
    #expect(letter["reason"] == "uncaughtFault")
    #expect(letter["workflow"] == "factory/keep-reading 1.0.0")
    #expect(letter["topic"] == "mediator.channel.persistence")
    let id = try #require(letter["id"]?.string)
    try await cluster.run("mediatorctl", "dlq", "redrive", id, "--force", expecting: 1)
    try await poll(within: .seconds(20), "the letter on its topic") {
      try await cluster.scan("mediator.dead-letters").map { $0.header("dl_id") } == [id] ? true : nil
    }
    // An operator says what the call would have given: there is nothing to be done about the letter any more.
    let instance = try #require(letter["instance"]?.string)
    try await cluster.run("mediatorctl", "instances", "skip", instance, "--with", "{}")
    #expect(try await cluster.run("mediatorctl", "dlq", "list") == "No dead letters.\n")
    let shown = try JSON.parse(try await cluster.run("mediatorctl", "dlq", "show", id, "--output", "json"))
    #expect(shown["status"] == "resolved")
    #expect(shown["history"]?[0]?["action"] == "resolved")
    for service in services { #expect(try await service.stop() == 0, "\(service.log.suffix(2000))") }
    await cluster.remove()
  }
}
