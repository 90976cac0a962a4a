import Kafka
import Postgres
import TestSupport
import Testing
import Values

/// What is odd is carried as it came or refused with its bytes, on real servers: Postgres has limits of its own.
@Suite(.serialized) struct OddInputTests {
  static let definition = """
    document: {dsl: 1.0.3, namespace: examples, name: mirror, version: 1.0.0}
    schedule:
      on:
        one:
          with: {type: mirror.me}
    do:
      - look:
          call: mirror
          with: {data: "${ .[0].data }"}
    """

  /// Legal JSON, written as the serializer writes it.
  static let odd = [
    #"{"z":"a\u0000b","a":"\u0000"}"#,
    #"{"n":[123456789012345678901234567890,9007199254740993,-9223372036854775809,0.1,1.10,1.0,10e2,-0.0]}"#,
    #"{"e":[1e400,1E-400,1e99999999999999999999,-1.5E+300]}"#,
    #"{"b":{"a":1},"a":{"b":1},"":null}"#,
    #"["😀","\u0001","é",[],{},[[[[]]]],true,false,null]"#,
  ]

  @Test(.timeLimit(.minutes(3))) func isCarriedUnalteredOrRefusedWithItsBytes() async throws {
    let cluster = try await Cluster()
    let admin = try KafkaAdmin(cluster.broker.configuration)
    // Larger than what this mediator takes; the broker must not be what refuses it.
    try await admin.createTopic("mediator.queue", partitions: 4, configuration: ["max.message.bytes": "20000000"])
    await admin.close()
    try await cluster.run("mediatorctl", "deploy", try cluster.write(Self.definition, to: "mirror.yaml"))
    let services = [try cluster.start("mediator"), try cluster.start("processor", "echo", "--channel", "mirror")]
    try await cluster.waitForMediator()

    let refused: [[UInt8]?] = [
      Array("{\"text\":\"\(String(repeating: "x", count: 5_000_000))\"}".utf8),
      Array(repeating: UInt8(ascii: "["), count: 10_000) + Array(repeating: UInt8(ascii: "]"), count: 10_000),
      Array(#"{"a":"\ud800"}"#.utf8), Array(#"{"a":1,"a":1}"#.utf8), [0x22, 0xff, 0x22], nil,
    ]
    var records = refused.enumerated().map { Self.record("refused-\($0)", $1) }
    records += Self.odd.enumerated().map { Self.record("odd-\($0)", Array($1.utf8)) }
    var large = cluster.broker.configuration
    large.properties["message.max.bytes"] = "20000000"
    let producer = try KafkaProducer(large)
    for result in await producer.send(records) { _ = try result.get() }
    await producer.close()
    try await cluster.waitForInstances(Self.odd.count, within: .seconds(60))

    for (index, text) in Self.odd.enumerated() {
      let rows = try await cluster.query("select output::text as output from instances where event_id = 'odd-\(index)'")
      #expect(try rows.map { try $0.text("output") } == [#"{"data":\#(text)}"#])
    }
    for (index, bytes) in refused.enumerated() {
      let rows = try await cluster.query("select value from dead_letters where key = 'refused-\(index)'")
      #expect(try rows.map { try $0.optionalBytes("value") } == [bytes])
    }
    let reasons = try await cluster.query("select reason, detail from dead_letters where key = 'refused-0'")
    #expect(try reasons.map { try $0.text("reason") } == ["tooLarge"])
    #expect(try reasons.first?.text("detail").contains("more than 1048576") == true)
    for service in services { #expect(try await service.stop() == 0, "\(service.log.suffix(2000))") }
    await cluster.remove()
  }

  private static func record(_ id: String, _ value: [UInt8]?) -> OutgoingRecord {
    let attributes = ["ce_specversion": "1.0", "ce_id": id, "ce_source": "/odd", "ce_type": "mirror.me"]
    return OutgoingRecord(
      topic: "mediator.queue", partition: 1, key: Array(id.utf8), value: value,
      headers: attributes.sorted { $0.key < $1.key }.map { KafkaHeader(name: $0.key, value: Array($0.value.utf8)) })
  }
}
