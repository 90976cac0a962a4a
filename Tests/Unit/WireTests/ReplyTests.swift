import Kafka
import Testing
import Values
import Wire

@Suite("Replies")
struct ReplyTests {
  private func reply(_ kind: Reply.Kind) -> Reply {
    Reply(causationID: "c", correlationID: "i", kind: kind, id: "r", source: "/processors/p")
  }

  private func decode(_ type: String, _ value: String?, _ more: [(String, String?)] = []) throws -> Reply {
    try Reply.decode(
      record(
        value,
        [
          ("ce_causationid", "c"), ("ce_correlationid", "i"),
          ("ce_type", type),
        ] + more))
  }

  @Test func isWrittenAsTheContractSays() {
    let failure = TaskFailure(
      problem: ProblemDetails(type: "about:blank", status: 503, title: "Busy", extensions: ["x": 1]), retryable: true,
      retryAfter: .seconds(90))
    let record = reply(.failed(failure)).encode(topic: "mediator.replies", partition: 5, key: [7])
    #expect(record.topic == "mediator.replies")
    #expect(record.partition == 5)
    #expect(record.key == [7])
    #expect(
      record.texts == [
        "ce_specversion: 1.0", "ce_id: r", "ce_source: /processors/p", "ce_type: task.failed",
        "ce_causationid: c",
        "ce_correlationid: i", "content-type: application/json",
      ])
    #expect(
      record.text
        == #"{"type":"about:blank","status":503,"title":"Busy","x":1,"retryable":true,"retryAfter":"PT1M30S"}"#)
  }

  @Test(
    arguments: [
      .completed(["a": [1, nil]]), .completed(.null),
      .failed(TaskFailure(problem: ProblemDetails(type: "t", status: 400))),
      .failed(
        TaskFailure(
          problem: ProblemDetails(
            type: "t", status: 500, title: "T", detail: "d", instance: "/do/0", extensions: ["k": [1]]),
          retryable: true, retryAfter: .milliseconds(1_500))), .progress(percent: 12.5, message: "half"),
      .progress(percent: nil, message: nil),
    ] as [Reply.Kind])
  func readsBackTheSame(kind: Reply.Kind) throws {
    let reply = reply(kind)
    let record = stored(reply.encode(topic: "r", partition: 0, key: nil))
    #expect(try Reply.decode(record) == reply)
    #expect(try CloudEventCodec.decode(record, binding: nil).type.hasPrefix("task."))
    var bare = reply
    (bare.id, bare.source) = ("", "")
    #expect(try Reply.decode(stored(bare.encode(topic: "r", partition: 0, key: nil))) == bare)
  }

  @Test func threeHeadersAndAValueSuffice() throws {
    let expected = Reply(causationID: "c", correlationID: "i", kind: .completed(["ok": true]), id: "", source: "")
    #expect(try decode("task.completed", #"{"ok": true}"#) == expected)
    #expect(try decode("task.completed", #"{"ok": true}"#, [("content-type", "text/plain")]) == expected)
    #expect(try decode("task.completed", nil).kind == .completed(.null))
    #expect(try decode("task.completed", "").kind == .completed(.null))
    #expect(try decode("task.progress", nil).kind == .progress(percent: nil, message: nil))
    #expect(
      try decode(
        "task.progress",
        #"{"percent":"x","message":1}"#
      ).kind == .progress(percent: nil, message: nil))
  }

  @Test(
    arguments: [
      (nil, 500, nil, false, nil), (#""boom""#, 500, "boom", false, nil), ("[1]", 500, "[1]", false, nil),
      (#"{"status":404,"detail":"gone","retryable":true}"#, 404, "gone", true, nil),
      (#"{"retryable":"true","retryAfter":"soon"}"#, 500, nil, false, nil),
      (#"{"retryable":true,"retryAfter":"PT2S"}"#, 500, nil, true, .seconds(2)),
      (#"{"retryable":true,"retryAfter":0.5}"#, 500, nil, true, .milliseconds(500)),
      (#"{"retryAfter":-1}"#, 500, nil, false, nil), (#"{"retryAfter":1e300}"#, 500, nil, false, nil),
    ] as [(String?, Int, String?, Bool, Duration?)])
  func failuresToldBadlyAreStillFailures(
    value: String?, status: Int, detail: String?, retryable: Bool, retryAfter: Duration?
  ) throws {
    let problem = ProblemDetails(type: "about:blank", status: status, detail: detail)
    #expect(
      try decode("task.failed", value).kind
        == .failed(TaskFailure(problem: problem, retryable: retryable, retryAfter: retryAfter)))
  }

  @Test func structuredMode() throws {
    let text =
      #"{"specversion":"1.0","id":"r","source":"/p","type":"task.completed","causationid":"c","correlationid":"i","data":1}"#
    let structured = [("content-type", "application/cloudevents+json")]
    #expect(
      try Reply.decode(record(text, structured))
        == Reply(causationID: "c", correlationID: "i", kind: .completed(1), id: "r", source: "/p"))
    let without = text.replacing("causationid", with: "nothing")
    #expect(code { _ = try Reply.decode(record(without, structured)) } == .missingAttribute)
  }

  @Test func refuses() {
    let three = [("ce_causationid", "c"), ("ce_correlationid", "i"), ("ce_type", "task.completed")]
    for missing in three.indices {
      var headers = three
      let removed = headers.remove(at: missing)
      #expect(code { _ = try Reply.decode(record("1", headers)) } == .missingAttribute)
      headers.append((removed.0, ""))
      #expect(code { _ = try Reply.decode(record("1", headers)) } == .missingAttribute)
      #expect(code { _ = try Reply.decode(record("1", three + [removed])) } == .invalidAttribute)
    }
    #expect(code { _ = try decode("task.done", "1") } == .unsupported)
    #expect(code { _ = try decode("task.completed", "1", [("ce_specversion", "0.3")]) } == .unsupported)
    #expect(code { _ = try decode("task.completed", "nope") } == .notJSON)
    #expect(code { _ = try decode("task.failed", #"{"a":1,"a":1}"#) } == .duplicateKey)
    let large = "\"" + String(repeating: "x", count: 1 << 20) + "\""
    #expect(code { _ = try decode("task.completed", large) } == .tooLarge)
  }
}
