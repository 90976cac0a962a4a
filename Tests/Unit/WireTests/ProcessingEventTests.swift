import Kafka
import Testing
import Values
import Wire

@Suite("Processing events")
struct ProcessingEventTests {
  private static let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

  private static let event = ProcessingEvent(
    id: "i/2/1", idempotencyKey: "i/2", source: "/workflows/plant/status/1.0.0", channel: "persistence",
    taskReference: "/do/0/store", correlationID: "00112233-4455-6677-8899-aabbccddeeff", causationID: "c", attempt: 1,
    deadline: Timestamp(microseconds: 1_709_210_096_789_000), replyTopic: "mediator.replies", replyPartition: 5,
    traceparent: trace, key: Array("eq-1".utf8), data: ["table": "equipment_status"])

  @Test func isWrittenAsTheContractSays() {
    let record = Self.event.encode()
    #expect(record.topic == "mediator.channel.persistence")
    #expect(record.partition == nil)
    #expect(record.key == Array("eq-1".utf8))
    #expect(record.text == #"{"table":"equipment_status"}"#)
    #expect(
      record.texts == [
        "ce_specversion: 1.0", "ce_id: i/2/1", "ce_source: /workflows/plant/status/1.0.0",
        "ce_type: persistence.requested", "ce_subject: /do/0/store", "ce_idempotencykey: i/2",
        "ce_correlationid: 00112233-4455-6677-8899-aabbccddeeff", "ce_causationid: c", "ce_attempt: 1",
        "ce_deadline: 2024-02-29T12:34:56.789Z", "ce_replyto: mediator.replies", "ce_replypartition: 5",
        "content-type: application/json", "traceparent: \(Self.trace)",
      ])
  }

  @Test func isALegalCloudEvent() throws {
    let event = try CloudEventCodec.decode(stored(Self.event.encode()), binding: nil)
    #expect(event.subject == "/do/0/store")
    #expect(event.extensions["idempotencykey"] == "i/2")
  }

  @Test func readsBackTheSame() throws {
    #expect(try ProcessingEvent.decode(stored(Self.event.encode())) == Self.event)
    var event = Self.event
    event.traceparent = nil
    event.key = nil
    event.channel = "a.requested"
    event.data = .null
    #expect(try ProcessingEvent.decode(stored(event.encode())) == event)
  }

  @Test(arguments: [
    "", "00", "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
    "00-00000000000000000000000000000000-b7ad6b7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
    "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319-cb7ad6b7169203331-01",
  ])
  func badTraceContextIsLeftOut(trace: String) throws {
    var event = Self.event
    event.traceparent = trace
    #expect(!event.encode().headers.contains { $0.name == "traceparent" })
    var record = stored(event.encode())
    record.headers.append(KafkaHeader(name: "traceparent", value: Array(trace.utf8)))
    #expect(try ProcessingEvent.decode(record).traceparent == nil)
  }

  @Test func everyHeaderIsNeeded() {
    let whole = stored(Self.event.encode())
    for header in whole.headers where header.name.hasPrefix("ce_") {
      var part = whole
      part.headers.removeAll { $0.name == header.name }
      #expect(code { _ = try ProcessingEvent.decode(part) } == .missingAttribute, "\(header.name)")
      part.headers.append(KafkaHeader(name: header.name, value: []))
      #expect(code { _ = try ProcessingEvent.decode(part) } == .missingAttribute, "\(header.name)")
      part.headers.append(header)
      #expect(code { _ = try ProcessingEvent.decode(part) } == .invalidAttribute, "\(header.name)")
    }
  }

  @Test(
    arguments: [
      ("ce_attempt", "0", .invalidAttribute), ("ce_attempt", "one", .invalidAttribute),
      (
        "ce_deadline",
        "soon", .invalidAttribute
      ),
      ("ce_replypartition", "-1", .invalidAttribute), ("ce_replypartition", "9999999999", .invalidAttribute),
      ("ce_type", "persistence.done", .unsupported), ("ce_type", ".requested", .unsupported),
      (
        "ce_specversion",
        "2.0", .unsupported
      ),
      ("ce_id", "a\nb", .invalidAttribute),
    ] as [(String, String, WireError.Code)])
  func badHeaders(name: String, value: String, expected: WireError.Code) {
    var record = stored(Self.event.encode())
    record.headers.removeAll { $0.name == name }
    record.headers.append(KafkaHeader(name: name, value: Array(value.utf8)))
    #expect(code { _ = try ProcessingEvent.decode(record) } == expected)
  }

  @Test func badValues() {
    var record = stored(Self.event.encode())
    record.value = nil
    #expect(code { _ = try ProcessingEvent.decode(record) } == .tombstone)
    record.value = []
    #expect(code { _ = try ProcessingEvent.decode(record) } == .notJSON)
    record.value = Array("[1]".utf8)
    #expect(code { _ = try ProcessingEvent.decode(record, limits: DecodeLimits(maxBytes: 2)) } == .tooLarge)
  }
}
