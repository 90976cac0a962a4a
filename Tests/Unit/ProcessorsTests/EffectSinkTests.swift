import Hosting
import Kafka
import Logging
import Synchronization
import Testing
import Values
import Wire

@testable import Processors

struct EffectSinkTests {
  private let clock = TestClock()
  private let results = Results()

  private func sink(
    _ handler: TestEffects, inbox: TestInbox = TestInbox(), capacity: Int = 100
  ) -> EffectSink<TestEffects> {
    EffectSink(
      handler: handler, inbox: inbox, clock: clock, storeLog: StateLog("store", logger: silent), capacity: capacity)
  }

  private func take(_ events: [ProcessorEvent], _ sink: EffectSink<TestEffects>) async throws {
    try await sink.take(events) { [results] in results.add($0) }
  }

  @Test func eachEventIsSettledWhenItsEffectIsDone() async throws {
    let handler = TestEffects()
    let sink = sink(handler)
    try await take([event("a", data: "x"), event("b", data: "y")], sink)
    await handler.waitForBegun(2)
    #expect(results.all.isEmpty)
    #expect(await sink.room == 98)
    handler.finish("b", .settled(.completed(2)))
    await results.wait(for: 1)
    #expect(results.endings == ["b": .settled(.completed(2), isRepeat: false)])
    handler.finish("a", .settled(.completed(1)))
    await results.wait(for: 2)
    #expect(await sink.room == 100)
  }

  @Test func eventsOfOneLaneKeepTheirOrder() async throws {
    let handler = TestEffects()
    let sink = sink(handler)
    try await take([event("a", data: "x"), event("b", data: "x"), event("c", data: "y")], sink)
    await handler.waitForBegun(2)
    #expect(Set(handler.begun) == ["a", "c"])
    handler.finish("a", .settled(.completed(1)))
    await handler.waitForBegun(3)
    #expect(handler.begun.last == "b")
  }

  @Test func whatTheInboxKnowsIsNotDoneAgain() async throws {
    let handler = TestEffects()
    let sink = sink(handler, inbox: TestInbox(["a": .completed("before")]))
    try await take([event("a")], sink)
    #expect(results.endings == ["a": .settled(.completed("before"), isRepeat: true)])
    #expect(handler.begun.isEmpty)
  }

  @Test func anotherDeliveryJoinsTheEffectUnderWay() async throws {
    let handler = TestEffects()
    let sink = sink(handler)
    try await take([event("a", offset: 1)], sink)
    await handler.waitForBegun(1)
    try await take([event("a", offset: 2, attempt: 2)], sink)
    handler.finish("a", .settled(.completed(1)))
    await results.wait(for: 2)
    #expect(results.all.map(\.event.place.offset) == [1, 2])
    #expect(
      results.all.map(\.ending) == [
        .settled(.completed(1), isRepeat: false), .settled(.completed(1), isRepeat: true),
      ])
    #expect(handler.begun == ["a"])
  }

  @Test func whatIsRefusedIsSettledAtOnce() async throws {
    let sink = sink(TestEffects())
    try await take([event("a", data: "bad")], sink)
    guard case .settled(.failed(let failure), false)? = results.endings["a"] else { throw Unexpected() }
    #expect(failure.problem.status == 422)
  }

  @Test func anInboxThatCannotBeAskedSettlesNothing() async throws {
    let inbox = TestInbox()
    inbox.fail()
    let sink = sink(TestEffects(), inbox: inbox)
    await #expect(throws: ProcessorError.self) { try await take([event("a")], sink) }
    #expect(results.all.isEmpty)
    #expect(await sink.room == 100)
  }

  @Test func anEffectThatCouldNotBeginIsTriedAgain() async throws {
    let handler = TestEffects()
    handler.failNext(2)
    let sink = sink(handler)
    try await take([event("a")], sink)
    await handler.waitForBegun(1)
    handler.finish("a", .settled(.completed(1)))
    await results.wait(for: 1)
    #expect(results.endings == ["a": .settled(.completed(1), isRepeat: false)])
  }

  @Test func pastItsDeadlineAQueuedEventIsPassedOver() async throws {
    let handler = TestEffects()
    let sink = sink(handler)
    try await take([event("a", data: "x"), event("b", deadline: noon + .seconds(5), data: "x")], sink)
    await handler.waitForBegun(1)
    clock.advance(.seconds(10))
    handler.finish("a", .settled(.completed(1)))
    await results.wait(for: 2)
    #expect(results.endings["b"] == .expired)
    #expect(handler.begun == ["a"])
  }

  @Test func aLaterAttemptOutlivesAnExpiredOne() async throws {
    let handler = TestEffects()
    let sink = sink(handler)
    try await take([event("a", data: "x"), event("b", deadline: noon + .seconds(5), data: "x")], sink)
    try await take([event("b", offset: 9, deadline: noon + .seconds(60), attempt: 2, data: "x")], sink)
    await handler.waitForBegun(1)
    clock.advance(.seconds(10))
    handler.finish("a", .settled(.completed(1)))
    await handler.waitForBegun(2)
    handler.finish("b", .settled(.completed(2)))
    await results.wait(for: 3)
    #expect(results.all.map(\.ending).contains(.expired))
    #expect(results.all.last?.event.attempt == 2)
    #expect(results.all.last?.ending == .settled(.completed(2), isRepeat: false))
  }

  @Test func queuedEventsOfARevokedPartitionAreGivenUp() async throws {
    let handler = TestEffects()
    let sink = sink(handler)
    try await take([event("a", partition: 0, data: "x"), event("b", partition: 1, data: "x")], sink)
    await handler.waitForBegun(1)
    await sink.abandon([place(0, partition: 1).partition])
    handler.finish("a", .settled(.completed(1)))
    await results.wait(for: 2)
    #expect(results.endings == ["a": .settled(.completed(1), isRepeat: false), "b": .abandoned])
  }

  @Test func closingWaitsForWhatIsUnderWay() async throws {
    let handler = TestEffects()
    let sink = sink(handler)
    try await take([event("a", data: "x"), event("b", data: "x")], sink)
    await handler.waitForBegun(1)
    let closing = Task { await sink.close() }
    while await sink.room > 0 { await Task.yield() }
    handler.finish("a", .settled(.completed(1)))
    await closing.value
    #expect(results.endings == ["a": .settled(.completed(1), isRepeat: false), "b": .abandoned])
  }

  @Test func withoutAMediatorAFailureThatMayPassIsRepeatedHere() async throws {
    let handler = TestEffects()
    let sink = sink(handler)
    let record = KafkaRecord(topic: "t", partition: 0, offset: 0)
    let lonely = ProcessorEvent(place: place(0), idempotencyKey: "a", data: "x", recipient: .nobody(record))
    try await take([lonely], sink)
    await handler.waitForBegun(1)
    handler.finish("a", .settled(.failed(.unavailable(503, "busy", retryAfter: .seconds(30)))))
    await handler.waitForBegun(2)
    #expect(clock.now() >= noon + .seconds(30))
    handler.finish("a", .settled(.completed(1)))
    await results.wait(for: 1)
    #expect(results.endings["a"] == .settled(.completed(1), isRepeat: false))
  }
}

let silent = Logger(label: "silent", factory: { _ in SwiftLogNoOpLogHandler() })

/// Effects that end when the test says so. The data is the lane.
final class TestEffects: EffectHandler {
  private struct State {
    var begun: [String] = []
    var open: [String: CheckedContinuation<EffectEnding, Never>] = [:]
    var failures = 0
  }

  private let state = Mutex(State())

  var begun: [String] { state.withLock { $0.begun } }

  func failNext(_ count: Int) { state.withLock { $0.failures = count } }

  func finish(_ key: String, _ ending: EffectEnding) {
    state.withLock { $0.open.removeValue(forKey: key) }?.resume(returning: ending)
  }

  func waitForBegun(_ count: Int) async {
    while state.withLock({ $0.begun.count < count }) { await Task.yield() }
  }

  func validate(_ event: ProcessorEvent) -> Validated<String> {
    event.data == "bad" ? .refused(.invalid(422, "bad")) : .work(event.data.string ?? "")
  }

  func lane(of work: String, for event: ProcessorEvent) -> String { work }

  func perform(
    _ work: String, for event: ProcessorEvent, in context: EffectContext
  ) async throws(ProcessorError) -> EffectEnding {
    let fails = state.withLock { state in
      defer { state.failures = max(0, state.failures - 1) }
      return state.failures > 0
    }
    if fails { throw ProcessorError(.store, "down") }
    return await withCheckedContinuation { continuation in
      state.withLock { state in
        state.open[event.idempotencyKey] = continuation
        state.begun.append(event.idempotencyKey)
      }
    }
  }
}

final class TestInbox: Inbox {
  private let outcomes: [String: Outcome]
  private let isDown = Mutex(false)

  init(_ outcomes: [String: Outcome] = [:]) { self.outcomes = outcomes }

  func fail() { isDown.withLock { $0 = true } }

  func find(_ keys: [String]) async throws(ProcessorError) -> [String: Outcome] {
    if isDown.withLock({ $0 }) { throw ProcessorError(.store, "down") }
    return outcomes.filter { keys.contains($0.key) }
  }
}

/// What a sink told.
final class Results: Sendable {
  private let state = Mutex<[EventResult]>([])

  var all: [EventResult] { state.withLock { $0 } }
  var endings: [String: EventResult.Ending] {
    Dictionary(all.map { ($0.event.idempotencyKey, $0.ending) }) { _, last in last }
  }

  func add(_ results: [EventResult]) { state.withLock { $0 += results } }

  func wait(for count: Int) async {
    while all.count < count { await Task.yield() }
  }
}
