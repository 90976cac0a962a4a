import Kafka
import Testing
import Values
import Wire

@testable import Processors

struct IntakeTests {
  private let intake = Intake(.mediator)

  @Test func aProcessingEventIsTakenWithAllThatItSays() throws {
    let record = record("a.1", offset: 7, attempt: 3, data: ["x": 1])
    guard case .event(let event) = intake.take(record) else { throw Unexpected() }
    #expect(event.place == place(7))
    #expect(event.idempotencyKey == "a.1")
    #expect(event.attempt == 3)
    #expect(event.deadline == noon + .seconds(60))
    #expect(event.key == Array("k".utf8))
    #expect(event.data == ["x": 1])
    let address = ReplyAddress(
      topic: "mediator.replies", partition: 2, causationID: "a.1.3", correlationID: "instance")
    #expect(event.recipient == .mediator(address))
  }

  @Test func aRecordThatSaysWhomToTellGetsAReply() throws {
    var record = record("a", offset: 0)
    record.value = Array("{".utf8)
    guard case .undecodable("notJSON", _, let reply) = intake.take(record) else { throw Unexpected() }
    #expect(reply?.causationID == "a.1")
    #expect(reply?.partition == 2)
  }

  @Test(arguments: ["ce_replyto", "ce_replypartition", "ce_id", "ce_correlationid"])
  func oneThatDoesNotGetsNone(missing: String) throws {
    var record = record("a", offset: 0)
    record.headers.removeAll { $0.name == missing }
    guard case .undecodable("missingAttribute", _, let reply) = intake.take(record) else { throw Unexpected() }
    #expect(reply == nil)
  }

  @Test func aTombstoneIsNoEvent() throws {
    var record = record("a", offset: 0)
    record.value = nil
    guard case .undecodable("tombstone", _, _) = intake.take(record) else { throw Unexpected() }
  }

  @Test func anEventOfTheBrokerTopologyIsMapped() throws {
    let mapping = EventMapping(["table": "t", "row": ["equipment": "$.data.name", "missing": "$.data.nothing"]])
    let intake = Intake(.broker(mapping, EventBinding(type: "reading", source: "/line/7")))
    let record = KafkaRecord(
      topic: "Readings", partition: 3, offset: 9, value: Array(#"{"name":"m1","percent":5}"#.utf8))
    guard case .event(let event) = intake.take(record) else { throw Unexpected() }
    #expect(event.data == ["table": "t", "row": ["equipment": "m1"]])
    #expect(event.recipient == .nobody(record))
    #expect(event.deadline == nil)
    #expect(event.idempotencyKey == "7:/line/7 Readings/3/9")
  }

  @Test func sourceAndIDTogetherAreTheKey() throws {
    func key(source: String, id: String) throws -> String {
      let record = KafkaRecord(
        topic: "t", partition: 0, offset: 0, value: Array("{}".utf8),
        headers: [("ce_specversion", "1.0"), ("ce_id", id), ("ce_source", source), ("ce_type", "x")].map {
          KafkaHeader(name: $0.0, value: Array($0.1.utf8))
        })
      let intake = Intake(.broker(EventMapping("$"), EventBinding(type: "t", source: "s")))
      guard case .event(let event) = intake.take(record) else { throw Unexpected() }
      return event.idempotencyKey
    }
    #expect(try key(source: "/a", id: "b c") != key(source: "/a b", id: "c"))
    #expect(try key(source: "/a", id: "1") == key(source: "/a", id: "1"))
  }
}

struct Unexpected: Error {}

struct EventMappingTests {
  private let event: JSON = [
    "id": "1", "type": "reading", "data": ["name": "m1", "percent": 5, "tags": ["a", "b"], "empty": nil],
  ]

  @Test func pathsStandForValues() {
    let mapping = EventMapping(["n": "$.data.percent", "tag": "$.data.tags.1", "all": "$", "fix": [true, 3]])
    #expect(mapping.apply(to: event) == ["n": 5, "tag": "b", "all": event, "fix": [true, 3]])
  }

  @Test func whatIsNotThereIsLeftOut() {
    #expect(EventMapping(["a": "$.data.nothing", "b": "$.id.deeper"]).apply(to: event) == [:])
    #expect(EventMapping(["a": ["$.data.nothing"]]).apply(to: event) == ["a": [nil]])
    #expect(EventMapping(["a": "$.data.empty"]).apply(to: event) == ["a": nil])
  }

  @Test func placeholdersMakeTexts() {
    let mapping = EventMapping("{data.name} is at {data.percent} % ({data.nothing}, {data.tags}) {")
    #expect(mapping.apply(to: event) == #"m1 is at 5 % (?, ["a","b"]) {"#)
  }
}
