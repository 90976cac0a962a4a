import Kafka
import Testing
import Values
import Wire

@Suite("CloudEvents: writing")
struct CloudEventEncodingTests {
  @Test func binaryMode() {
    let event = CloudEvent(
      id: "1", source: "/s", type: "t", subject: "eq", time: "2024-01-01T00:00:00Z", dataSchema: "/x",
      extensions: ["b": "2", "a": "é"], data: ["x": [1, nil]])
    let record = CloudEventCodec.encode(event, topic: "q", partition: 4, key: [1])
    #expect(
      record.texts == [
        "ce_specversion: 1.0", "ce_id: 1", "ce_source: /s", "ce_type: t", "ce_subject: eq",
        "ce_time: 2024-01-01T00:00:00Z",
        "ce_dataschema: /x", "ce_a: é", "ce_b: 2", "content-type: application/json",
      ])
    #expect(record.text == #"{"x":[1,null]}"#)
    #expect(record.topic == "q")
    #expect(record.partition == 4)
    #expect(record.key == [1])
  }

  @Test(arguments: [
    CloudEvent(id: "1", source: "/s", type: "t"),
    CloudEvent(id: "1", source: "/s", type: "t", dataContentType: "application/json", data: .null),
    CloudEvent(id: "1", source: "/s", type: "t", dataContentType: "application/json", data: "x"),
    CloudEvent(id: "1", source: "/s", type: "t", dataContentType: "text/plain", data: "x\0"),
    CloudEvent(id: "1", source: "/s", type: "t", dataContentType: "image/png", binaryData: [0, 255]),
    CloudEvent(
      id: "é", source: "/s", type: "t", subject: "s", time: "2024-01-01T00:00:00.123456789-05:00",
      dataContentType: "a/b+json",
      dataSchema: "d", extensions: ["x": "", "y1": "z"], data: [:]),
  ])
  func whatIsWrittenReadsBackTheSame(event: CloudEvent) throws {
    let record = CloudEventCodec.encode(event, topic: "q", key: nil)
    #expect(try CloudEventCodec.decode(stored(record), binding: nil) == event)
    // And in structured mode.
    var structured = stored(record)
    structured.headers = [KafkaHeader(name: "content-type", value: Array("application/cloudevents+json".utf8))]
    structured.value = event.json.serialized()
    #expect(try CloudEventCodec.decode(structured, binding: nil) == event)
  }

  @Test func textsWithoutATextAreWrittenAsJSON() {
    let event = CloudEvent(id: "1", source: "/s", type: "t", dataContentType: "text/plain", data: [1])
    #expect(CloudEventCodec.encode(event, topic: "q", key: nil).text == "[1]")
  }

  @Test func topics() {
    #expect(Topics.channel("persistence") == "mediator.channel.persistence")
    #expect(Topics.channelName(ofTopic: "mediator.channel.a.b") == "a.b")
    #expect(Topics.channelName(ofTopic: "mediator.queue") == nil)
  }
}
