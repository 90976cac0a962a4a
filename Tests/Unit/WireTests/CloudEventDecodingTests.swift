import Kafka
import Testing
import Values
import Wire

@Suite("CloudEvents: reading")
struct CloudEventDecodingTests {
  private static let required = [
    ("ce_specversion", "1.0"), ("ce_id", "1"), ("ce_source", "/s"), ("ce_type", "t"),
  ]
  private static let structured = [("content-type", "application/cloudevents+json; charset=UTF-8")]

  private func decode(_ value: String?, _ headers: [(String, String?)], binding: EventBinding? = nil) throws
    -> CloudEvent
  {
    try CloudEventCodec.decode(record(value, headers), binding: binding)
  }

  @Test func binaryMode() throws {
    let event = try decode(
      #"{"n":9007199254740993}"#,
      Self.required + [
        ("content-type", "application/json"), ("ce_subject", "eq-1"),
        (
          "ce_time",
          "2024-02-29T12:34:56.123456789+01:00"
        ),
        ("ce_dataschema", "https://example.com/s"), ("ce_tenant", "é 😀"), ("other", "x"), ("ce_empty", nil),
        ("ce_blank", ""),
      ])
    let number = try #require(JSONNumber(text: "9007199254740993"))
    #expect(
      event
        == CloudEvent(
          id: "1", source: "/s", type: "t", subject: "eq-1", time: "2024-02-29T12:34:56.123456789+01:00",
          dataContentType: "application/json", dataSchema: "https://example.com/s",
          extensions: ["tenant": "é 😀", "blank": ""], data: ["n": .number(number)]))
  }

  @Test func jsonFormHasEverything() throws {
    let event = CloudEvent(
      id: "1", source: "/s", type: "t", subject: "eq", time: "2024-01-01T00:00:00Z",
      dataContentType: "application/json", dataSchema: "/x", extensions: ["b": "2", "a": "1"], data: nil)
    #expect(
      event.json.text
        == #"{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"eq","time":"2024-01-01T00:00:00Z","#
        + #""datacontenttype":"application/json","dataschema":"/x","a":"1","b":"2"}"#)
    var minimal = CloudEvent(id: "1", source: "/s", type: "t", data: .null)
    #expect(minimal.json == ["specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": nil])
    minimal.data = nil
    minimal.binaryData = [0, 255]
    #expect(
      minimal.json == [
        "specversion": "1.0", "id": "1", "source": "/s", "type": "t",
        "data_base64": "AP8=",
      ])
    for (name, value) in try #require(event.json.object) { #expect(event.attribute(name) == value) }
    #expect(minimal.attribute("data_base64") == "AP8=")
    #expect(event.attribute("nothing") == nil)
  }

  @Test func structuredMode() throws {
    let event = try decode(
      #"{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":null,"priority":3,"urgent":true,"tenant":"x","data":[1]}"#,
      Self.structured + [("ce_id", "ignored")])
    #expect(
      event
        == CloudEvent(
          id: "1", source: "/s", type: "t",
          extensions: [
            "priority": "3", "urgent": "true",
            "tenant": "x",
          ], data: [1]))
  }

  @Test(
    arguments: [
      (#""data_base64":"eyJhIjoxfQ==""#, ["a": 1] as JSON, nil),
      (#""datacontenttype":"application/vnd.x+json; a=b","data_base64":"WzFd""#, [1], nil),
      (#""datacontenttype":"text/plain","data_base64":"aGk=""#, "hi", nil),
      (#""datacontenttype":"application/octet-stream","data_base64":"AP8=""#, nil, [0, 255]),
      (#""datacontenttype":"text/plain","data":"hi""#, "hi", nil), (#""data":null"#, JSON.null, nil),
      (#""x":"y""#, nil, nil),
    ] as [(String, JSON?, [UInt8]?)])
  func structuredData(members: String, data: JSON?, bytes: [UInt8]?) throws {
    let event = try decode(#"{"specversion":"1.0","id":"1","source":"/s","type":"t",\#(members)}"#, Self.structured)
    #expect(event.data == data)
    #expect(event.binaryData == bytes)
  }

  @Test(
    arguments: [
      ("text/plain", "héllo", "héllo", nil), ("text/json", "[1]", [1], nil),
      ("Application/JSON ; x=y", "1", 1, nil), ("application/octet-stream", "ab", nil, [97, 98]),
      ("application/json", "", nil, nil), ("image/png", "", nil, nil),
    ] as [(String, String, JSON?, [UInt8]?)])
  func binaryData(contentType: String, value: String, data: JSON?, bytes: [UInt8]?) throws {
    let event = try decode(value, Self.required + [("content-type", contentType)])
    #expect(event.data == data)
    #expect(event.binaryData == bytes)
    #expect(event.dataContentType == contentType)
  }

  @Test func bareJSON() throws {
    let binding = EventBinding(type: "reading", source: "/plant")
    let event = try decode(#"{"specversion":"1.0","id":"no"}"#, [("trace", "x")], binding: binding)
    #expect(
      event
        == CloudEvent(
          id: "mediator.queue/3/17", source: "/plant", type: "reading",
          data: [
            "specversion": "1.0",
            "id": "no",
          ]))
    #expect(try decode("null", [], binding: binding).data == .null)
    #expect(code { _ = try decode("{}", []) } == .missingAttribute)
    // Attributes of its own count, whatever the binding says.
    #expect(try decode("{}", Self.required, binding: binding).type == "t")
    #expect(code { _ = try decode("{}", [("ce_id", "1")], binding: binding) } == .missingAttribute)
  }

  @Test(arguments: ["ce_specversion", "ce_id", "ce_source", "ce_type"])
  func requiredAttributes(name: String) {
    let others = Self.required.filter { $0.0 != name }
    #expect(code { _ = try decode("{}", others) } == .missingAttribute)
    #expect(code { _ = try decode("{}", others + [(name, nil)]) } == .missingAttribute)
    #expect(code { _ = try decode("{}", others + [(name, "")]) } == .invalidAttribute)
  }

  @Test(arguments: [
    ("ce_id", "2"), ("ce_Upper", "x"), ("ce_my_ext", "x"), ("ce_", "x"), ("ce_data", "x"), ("ce_subject", ""),
    ("ce_dataschema", ""),
    ("ce_time", "yesterday"), ("ce_time", ""), ("ce_x", "a\0b"), ("ce_x", "a\nb"), ("ce_x", "\u{7f}"),
    (
      "ce_x",
      "\u{85}"
    ),
    ("ce_x", "\u{FFFF}"), ("ce_x", "\u{1FFFE}"),
  ])
  func illegalAttributes(name: String, value: String) {
    #expect(code { _ = try decode("{}", Self.required + [(name, value)]) } == .invalidAttribute)
  }

  @Test(arguments: [
    #""id":{}"#, #""x":[1]"#, #""x":1.5"#, #""X":"y""#, #""x":"\u0000""#, #""data":1,"data_base64":"AA==""#,
    #""data_base64":"A""#,
    #""data_base64":"A A=""#, #""data_base64":"AB==""#, #""data_base64":1"#, #""subject":"""#,
  ])
  func illegalMembers(members: String) {
    let rest = members.hasPrefix(#""id""#) ? "" : #""id":"1","#
    let text = #"{"specversion":"1.0",\#(rest)"source":"/s","type":"t",\#(members)}"#
    #expect(code { _ = try decode(text, Self.structured) } == .invalidAttribute)
  }

  @Test func unsupported() {
    let others = Self.required.dropFirst()
    #expect(code { _ = try decode("{}", others + [("ce_specversion", "0.3")]) } == .unsupported)
    for type in ["application/cloudevents-batch+json", "application/cloudevents+avro"] {
      #expect(code { _ = try decode("[]", [("content-type", type)]) } == .unsupported)
    }
    let old = #"{"specversion":"0.3","id":"1","source":"/s","type":"t"}"#
    #expect(code { _ = try decode(old, Self.structured) } == .unsupported)
  }

  @Test(
    arguments: [
      (nil, .tombstone), ("nope", .notJSON), ("{", .notJSON), (#""\ud800""#, .loneSurrogate),
      (#"{"a":1,"a":2}"#, .duplicateKey),
      (String(repeating: "[", count: 10_000), .tooDeep),
      ("\"" + String(repeating: "x", count: 5 << 20) + "\"", .tooLarge),
      (String(repeating: "1", count: 1_001), .tooLarge),
    ] as [(String?, WireError.Code)])
  func badValues(value: String?, expected: WireError.Code) {
    let binding = EventBinding(type: "t", source: "/s")
    #expect(code { _ = try decode(value, Self.required) } == expected)
    #expect(code { _ = try decode(value, [], binding: binding) } == expected)
    #expect(code { _ = try decode(value, Self.structured) } == expected)
  }

  @Test func bytesThatAreNotUTF8() {
    let headers = Self.required.map { KafkaHeader(name: $0, value: Array($1.utf8)) }
    func event(_ value: [UInt8], _ more: [KafkaHeader]) -> WireError.Code? {
      let record = KafkaRecord(topic: "q", partition: 0, offset: 0, value: value, headers: headers + more)
      return code { _ = try CloudEventCodec.decode(record, binding: nil) }
    }
    #expect(event([0x22, 0xFF, 0x22], []) == .notUTF8)
    #expect(
      event(
        [0xC0, 0x80],
        [KafkaHeader(name: "content-type", value: Array("text/plain".utf8))]) == .notUTF8)
    #expect(event([0x31], [KafkaHeader(name: "ce_x", value: [0xFF])]) == .notUTF8)
    #expect(event([0x31], [KafkaHeader(name: "content-type", value: [0xFF])]) == .notUTF8)
    #expect(event([0x31], [KafkaHeader(name: "other", value: [0xFF])]) == nil)
  }

  @Test func oddButLegalValuesAreKept() throws {
    for text in [
      #"{"a":"\u0000"}"#, "[1e400]", "[-0.0]", "[123456789012345678901234567890]",
      #"{"é":1,"e\#u{301}":2}"#,
    ] {
      #expect(try decode(text, Self.required).data?.text == text)
    }
  }

  @Test func limits() {
    let value = record("[[1]]", Self.required)
    let size = 5 + Self.required.map { $0.0.utf8.count + $0.1.utf8.count }.reduce(0, +)
    func decoded(_ limits: DecodeLimits) -> WireError.Code? {
      code { _ = try CloudEventCodec.decode(value, binding: nil, limits: limits) }
    }
    #expect(decoded(DecodeLimits(maxBytes: size)) == nil)
    #expect(decoded(DecodeLimits(maxBytes: size - 1)) == .tooLarge)
    #expect(decoded(DecodeLimits(maxDepth: 2)) == nil)
    #expect(decoded(DecodeLimits(maxDepth: 1)) == .tooDeep)
  }

  @Test func traceContext() throws {
    let valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    func trace(_ headers: [(String, String?)]) throws -> String? {
      try decode("1", Self.required + headers).extensions["traceparent"]
    }
    #expect(try trace([("traceparent", valid)]) == valid)
    #expect(try trace([("traceparent", "00-1")]) == nil)
    #expect(try trace([("traceparent", valid), ("ce_traceparent", "mine")]) == "mine")
  }
}
