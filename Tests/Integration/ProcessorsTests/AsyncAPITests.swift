import HTTPCalls
import Kafka
import Processors
import TestSupport
import Testing
import Values
import Wire

/// The asyncapi processor on a real broker, a real Postgres and a real server of documents.
struct AsyncAPITests {
  private func document(_ host: String, _ topic: String) -> JSON {
    [
      "asyncapi": "3.0.0",
      "servers": [
        "here": ["host": .string(host), "protocol": "kafka"],
        "there": ["host": "203.0.113.7:9092", "protocol": "kafka"],
      ],
      "channels": ["orders": ["address": .string(topic)], "lost": ["address": .string("\(topic).none")]],
      "operations": ["place": ["action": "send", "channel": ["$ref": "#/channels/orders"]]],
    ]
  }

  private func kind() throws -> ProcessorOptions.Kind {
    var calls = HTTPCallOptions()
    calls.rules = AddressRules([try #require(HostPattern("127.0.0.1"))])
    return .asyncAPI(AsyncAPIOptions(http: HTTPOptions(calls: calls), timeout: .seconds(10)))
  }

  private func with(_ server: LoopbackHTTPServer, _ members: JSONObject = ["operation": "place"]) -> JSON {
    var with: JSONObject = [
      "document": ["endpoint": .string("\(server.url)/asyncapi.json")],
      "message": ["payload": ["order": 17], "headers": ["shop": "north"]],
    ]
    for (name, value) in members { with[name] = value }
    return .object(with)
  }

  private func records(_ station: Station, _ topic: String, _ count: Int) async throws -> [KafkaRecord] {
    let consumer = try await KafkaConsumer.assigned(
      station.kafka, positions: [TopicPartition(topic: topic, partition: 0): KafkaPosition.beginning])
    var records: [KafkaRecord] = []
    for _ in 0..<40 {
      let batch = try await consumer.nextBatch(max: 100, wait: .milliseconds(300))
      records += batch
      if batch.isEmpty && records.count >= count { break }
    }
    await consumer.close()
    return records
  }

  @Test func aMessageIsPublishedOnceForAllDeliveries() async throws {
    let station = try await Station()
    let topic = "orders.\(station.channel)"
    let text = document(station.kafka.bootstrapServers, topic).text
    let server = try await LoopbackHTTPServer { _ in .text(200, text) }
    let admin = try KafkaAdmin(station.kafka)
    try await admin.createTopic(topic, partitions: 1)
    await admin.close()
    try await station.withProcessor(kind()) {
      try await station.send([
        station.event("a", with(server), partitionKey: "m1"), station.event("a", with(server), partitionKey: "m1"),
        station.event("a", with(server), attempt: 2, partitionKey: "m1"),
        station.event("b", with(server), partitionKey: "m1"),
      ])
      let replies = try await station.replies(atLeast: 4)
      #expect(Set(replies.map(\.kind)) == [.completed(["topic": .string(topic)])])
    }
    // And not again after a restart.
    try await station.withProcessor(kind()) {
      try await station.send([station.event("a", with(server), attempt: 3)])
      _ = try await station.replies(atLeast: 5)
    }
    let found = try await records(station, topic, 2)
    #expect(found.map { $0.header("idempotency-key") } == ["a", "b"])
    #expect(found.allSatisfy { $0.key == Array("m1".utf8) && $0.value == Array("{\"order\":17}".utf8) })
    #expect(found.allSatisfy { $0.header("shop") == "north" && $0.header("content-type") == "application/json" })
    #expect(try await station.count("select count(*)::int from processor_inbox") == 2)
    await server.stop()
  }

  @Test func whatIsNotAllowedIsNotWritten() async throws {
    let station = try await Station()
    let topic = "orders.\(station.channel)"
    let text = document(station.kafka.bootstrapServers, topic).text
    let server = try await LoopbackHTTPServer { request in
      request.path == "/asyncapi.json" ? .text(200, text) : .text(404, "")
    }
    try await station.withProcessor(kind()) {
      let there = try await station.ask("a", with(server, ["operation": "place", "server": ["name": "there"]]))
      #expect(there.failure?.problem.type == "https://serverlessworkflow.io/spec/1.0.0/errors/configuration")
      #expect(there.failure?.problem.detail?.contains("processors.asyncapi.servers") == true)
      #expect(there.failure?.retryable == false)
      let unknown = try await station.ask("b", with(server, ["operation": "plac"]))
      #expect(unknown.failure?.problem.detail?.contains("did you mean 'place'?") == true)
      let gone = try await station.ask(
        "c", with(server, ["operation": "place", "document": ["endpoint": .string("\(server.url)/gone.json")]]))
      #expect(gone.failure?.problem.status == 404)
    }
    await server.stop()
  }

  @Test func aClusterThatIsAwayIsAFailureThatMayPass() async throws {
    let station = try await Station()
    let text = document("127.0.0.1:1", "orders").text
    let server = try await LoopbackHTTPServer { _ in .text(200, text) }
    var calls = HTTPCallOptions()
    calls.rules = AddressRules([try #require(HostPattern("127.0.0.1"))])
    let away = KafkaConfiguration(bootstrapServers: "127.0.0.1:1")
    let options = AsyncAPIOptions(
      http: HTTPOptions(calls: calls), clusters: ClusterRules(["here": away]), timeout: .seconds(2))
    try await station.withProcessor(.asyncAPI(options)) {
      let failure = try await station.ask("a", with(server)).failure
      #expect([503, 504].contains(failure?.problem.status))
      #expect(failure?.retryable == true)
    }
    #expect(try await station.count("select count(*)::int from processor_inbox") == 0)
    await server.stop()
  }
}
