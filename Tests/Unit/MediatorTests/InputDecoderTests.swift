import Engine
import Kafka
import Testing
import Values
import Wire

@testable import Mediator

@Suite struct InputDecoderTests {
  private func reason(_ input: TurnInput) -> String? {
    if case .deadLetter(let reason, _) = input { reason } else { nil }
  }

  // MARK: Events

  /// One record for every way in which a record can break the contract.
  static let broken: [(WireError.Code, KafkaRecord)] = {
    var tombstone = event()
    tombstone.value = nil
    var notUTF8 = event()
    notUTF8.value = [0x22, 0xff, 0xfe, 0x22]
    var missing = event()
    missing.headers.removeAll { $0.name == "ce_id" }
    var twice = event()
    twice.headers.append(KafkaHeader(name: "ce_id", value: [0x31]))
    var version = event()
    version.headers[0].value = Array("0.3".utf8)
    return [
      (.tombstone, tombstone),
      (.tooLarge, event(value: "\"" + String(repeating: "x", count: 1 << 20) + "\"")),
      (.notUTF8, notUTF8),
      (.notJSON, event(value: "{not json")),
      (.tooDeep, event(value: String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000))),
      (.loneSurrogate, event(value: "\"\\ud800\"")),
      (.duplicateKey, event(value: "{\"a\":1,\"a\":2}")),
      (.missingAttribute, missing),
      (.invalidAttribute, twice),
      (.unsupported, version),
    ]
  }()

  @Test func everyBrokenRecordIsADeadLetterWithItsReason() throws {
    #expect(Set(Self.broken.map(\.0)) == Set(WireError.Code.allCases))
    let catalog = DefinitionCatalog([try entry(1, oneCall)])
    for (code, record) in Self.broken {
      #expect(reason(decoder(catalog).decode(record)) == code.rawValue)
    }
  }

  @Test func anEventThatNobodyWantsIsADeadLetter() throws {
    let catalog = DefinitionCatalog([try entry(1, oneCall)])
    guard case .deadLetter("unknownType", let detail) = decoder(catalog).decode(event(type: "unheard-of")) else {
      Issue.record("it was taken")
      return
    }
    #expect(detail.contains("unheard-of"))
    #expect(detail.contains("/tests"))
  }

  @Test func aFilterThatCannotBeEvaluatedIsADeadLetter() throws {
    let failing = """
      schedule: {on: {one: {with: {type: go, data: "${ .amount + 1 > 0 }"}}}}
      do: [{answer: {set: {answer: 42}}}]
      """
    let catalog = DefinitionCatalog([try entry(1, failing)])
    #expect(reason(decoder(catalog).decode(event(value: "{\"amount\":{}}"))) == "filterFailed")
    // Not wanted is something else.
    #expect(reason(decoder(catalog).decode(event(value: "{\"amount\":-7}"))) == "unknownType")
  }

  @Test func anEventStartsEachWorkflowThatWantsIt() throws {
    let catalog = DefinitionCatalog([try entry(1, oneCall, name: "first"), try entry(2, noCall, name: "second")])
    guard case .event(let event) = decoder(catalog).decode(event("17")) else {
      Issue.record("it starts nothing")
      return
    }
    #expect(event.id == "17")
    #expect(event.json["id"]?.string == "17")
    #expect(event.starts.map(\.entry.number) == [1, 2])
    #expect(
      event.starts.map(\.id)
        == ["first", "second"].map {
          InstanceID.make(workflow: "tests/\($0)", source: "/tests", id: "17")
        })
  }

  @Test func bareJSONNeedsABinding() throws {
    let catalog = DefinitionCatalog([try entry(1, oneCall)])
    var bare = event(partition: 3, offset: 9, value: "{\"a\":1}")
    bare.headers = []
    #expect(reason(decoder(catalog).decode(bare)) == "missingAttribute")
    let binding = EventBinding(type: "go", source: "/bound")
    guard case .event(let event) = decoder(catalog, queues: [Topics.queue: binding]).decode(bare) else {
      Issue.record("it starts nothing")
      return
    }
    #expect(event.id == "mediator.queue/3/9")
    #expect(event.source == "/bound")
  }

  @Test func limitsAreTheConfiguredOnes() throws {
    let catalog = DefinitionCatalog([try entry(1, oneCall)])
    let strict = DecodeLimits(maxBytes: 200, maxDepth: 3)
    #expect(reason(decoder(catalog, limits: strict).decode(event(value: "[[[1]]]"))) == nil)
    #expect(reason(decoder(catalog, limits: strict).decode(event(value: "[[[[1]]]]"))) == "tooDeep")
    let long = "\"" + String(repeating: "x", count: 200) + "\""
    #expect(reason(decoder(catalog, limits: strict).decode(event(value: long))) == "tooLarge")
  }

  // MARK: Replies

  private let instance = UUIDValue(high: 1, low: 2)

  private func outcome(_ kind: Reply.Kind) -> ReplyOutcome? {
    let record = reply(kind, to: "\(instance.text).1.1", of: instance.text)
    guard case .reply(let outcome, "\(instance.text).1.1", instance) = decoder(DefinitionCatalog()).decode(record)
    else { return nil }
    return outcome
  }

  @Test func repliesOfEveryKind() {
    #expect(outcome(.completed(["a": 1])) == .completed(["a": 1]))
    let problem = ProblemDetails(type: "about:blank", status: 503, title: "busy")
    let failure = TaskFailure(problem: problem, retryable: true, retryAfter: .seconds(3))
    #expect(outcome(.failed(failure)) == .failed(problem, retryable: true, retryAfter: .seconds(3)))
    #expect(
      outcome(.progress(percent: 12.5, message: "on it"))
        == .progress(PendingCall.Progress(percent: 12.5, message: "on it")))
  }

  @Test func aCorrelationThatIsNoInstanceIsForged() {
    let record = reply(.completed(nil), to: "x", of: "no uuid")
    guard case .ignored(.forged) = decoder(DefinitionCatalog()).decode(record) else {
      Issue.record("it was taken")
      return
    }
  }

  @Test func brokenRepliesAreDeadLetters() {
    let decoder = decoder(DefinitionCatalog())
    let whole = reply(.completed(["a": 1]), to: "\(instance.text).1.1", of: instance.text)
    for name in ["ce_type", "ce_causationid", "ce_correlationid"] {
      var record = whole
      record.headers.removeAll { $0.name == name }
      #expect(reason(decoder.decode(record)) == "missingAttribute", "without \(name)")
    }
    var unknown = whole
    for index in unknown.headers.indices where unknown.headers[index].name == "ce_type" {
      unknown.headers[index].value = Array("task.exploded".utf8)
    }
    #expect(reason(decoder.decode(unknown)) == "unsupported")
    var garbage = whole
    garbage.value = [0xff]
    #expect(reason(decoder.decode(garbage)) == "notJSON" || reason(decoder.decode(garbage)) == "notUTF8")
  }

  @Test func aReplyThatIsTooLargeFailsItsTask() {
    var decoder = decoder(DefinitionCatalog())
    decoder.replyLimits.maxBytes = 2000
    let request = "\(instance.text).1.1"
    func decode(_ kind: Reply.Kind) -> TurnInput { decoder.decode(reply(kind, to: request, of: instance.text)) }
    #expect(reason(decode(.completed(.string(String(repeating: "x", count: 1998))))) == nil)
    let large = String(repeating: "x", count: 1999)
    guard
      case .reply(.failed(let problem, retryable: false, retryAfter: nil), request, instance) =
        decode(.completed(.string(large)))
    else {
      Issue.record("it was taken for something else")
      return
    }
    #expect(problem.type.hasSuffix("/validation"))
    #expect(problem.detail?.contains("2001 bytes, more than 2000 (mediator.maxReplyBytes)") == true)
    // That there is progress is no reason to fail.
    #expect(reason(decode(.progress(percent: 1, message: large))) == "tooLarge")
    var structured = reply(.completed(.string(large)), to: request, of: instance.text)
    structured.headers = [KafkaHeader(name: "content-type", value: Array("application/cloudevents+json".utf8))]
    #expect(reason(decoder.decode(structured)) == "tooLarge")
  }

  /// The topic decides what a record is: an event on the replies topic is no reply, and the other way round.
  @Test func theTopicDecides() throws {
    let catalog = DefinitionCatalog([try entry(1, oneCall)])
    var stray = event()
    stray.topic = Topics.replies
    #expect(reason(decoder(catalog).decode(stray)) == "missingAttribute")
    var strayReply = reply(.completed(nil), to: "\(instance.text).1.1", of: instance.text)
    strayReply.topic = Topics.queue
    #expect(reason(decoder(catalog).decode(strayReply)) == "missingAttribute")
  }
}
