import Hosting
import Synchronization
import Testing
import Values
import Wire

@testable import Processors

struct TelegramHandlerTests {
  private let clock = TestClock()
  private let ledger = TestLedger()
  private let telegram = TestTelegram()

  private func handler(sending: Bool = true) -> TelegramHandler {
    let lines = Lines()
    return TelegramHandler(
      chats: ["operators": "42"], ledger: ledger, sender: sending ? telegram : nil, limits: TelegramLimits(),
      now: clock.now(), logger: silent, print: lines.add)
  }

  private func perform(
    _ text: String, key: String = "a", deadline: Timestamp? = nil, with handler: TelegramHandler,
    context: EffectContext? = nil
  ) async throws -> EffectEnding {
    let event = event(key, deadline: deadline, data: ["chat": "operators", "text": .string(text)])
    let work = try #require(handler.validate(event).work)
    return try await handler.perform(
      work, for: event, in: context ?? EffectContext(permits: Permits(4), clock: clock))
  }

  @Test func aMessageIsRecordedSentAndRecorded() async throws {
    let ending = try await perform("hello", with: handler())
    #expect(ending == .settled(.completed(["delivered": true, "messageId": 1, "possibleRepeat": false])))
    #expect(telegram.sent == ["hello"])
    #expect(ledger.log == ["begin a", "end a sent"])
    #expect(ledger.inbox == ["a": .completed(["delivered": true, "messageId": 1, "possibleRepeat": false])])
  }

  @Test func withoutATokenItIsPrinted() async throws {
    let ending = try await perform("hello", with: handler(sending: false))
    #expect(ending == .settled(.completed(["delivered": false, "printed": true])))
    #expect(ledger.log == ["end a printed"])
  }

  @Test func aMessageThatMayHaveGoneOutBeforeIsMarked() async throws {
    ledger.begin(with: .go(TelegramProgress(possibleRepeat: true)))
    let ending = try await perform("hello", with: handler())
    #expect(ending == .settled(.completed(["delivered": true, "messageId": 1, "possibleRepeat": true])))
  }

  @Test func aMessageThatIsSentIsNotSentAgain() async throws {
    ledger.begin(with: .alreadySent(TelegramProgress(partsSent: 1, messageIDs: [9])))
    let ending = try await perform("hello", with: handler())
    #expect(ending == .settled(.completed(["delivered": true, "messageId": 9, "possibleRepeat": false])))
    #expect(telegram.sent == [])
  }

  @Test func aDisabledChatFailsFast() async throws {
    ledger.begin(with: .chatDisabled(reason: "blocked"))
    guard case .settled(.failed(let failure)) = try await perform("hello", with: handler()) else { throw Unexpected() }
    #expect(failure.problem.status == 403)
    #expect(!failure.retryable)
    #expect(telegram.sent == [])
    #expect(ledger.inbox["a"] != nil)
  }

  @Test func aLongTextGoesOutInPartsAndEachIsRecorded() async throws {
    let text = [String(repeating: "a", count: 4000), String(repeating: "b", count: 4000)].joined(separator: "\n")
    let ending = try await perform(text, with: handler())
    #expect(telegram.sent.map(\.count) == [4000, 4000])
    #expect(ledger.log == ["begin a", "advance a 1", "end a sent"])
    guard case .settled(.completed(let output)) = ending else { throw Unexpected() }
    #expect(output["messageIds"] == [1, 2])
    // One a second to a chat.
    #expect(clock.now() >= noon + .seconds(1))
  }

  @Test func aRefusalByTheLimitsIsWaitedFor() async throws {
    telegram.answer(.limited(retryAfter: .seconds(7)), .sent(messageID: 3))
    let ending = try await perform("hello", with: handler())
    #expect(ending == .settled(.completed(["delivered": true, "messageId": 3, "possibleRepeat": false])))
    #expect(clock.now() >= noon + .seconds(7))
  }

  @Test func aLongPauseIsTheMediatorsToWait() async throws {
    telegram.answer(.limited(retryAfter: .seconds(300)))
    guard case .settled(.failed(let failure)) = try await perform("hello", with: handler()) else { throw Unexpected() }
    #expect(failure.retryable)
    #expect(failure.retryAfter.map { $0 > .seconds(290) } == true)
    #expect(ledger.log == ["begin a", "end a failed"])
    #expect(ledger.inbox == [:])
  }

  @Test func aPauseBeyondTheDeadlineIsNotWaitedFor() async throws {
    telegram.answer(.limited(retryAfter: .seconds(30)))
    let ending = try await perform("hello", deadline: noon + .seconds(10), with: handler())
    guard case .settled(.failed(let failure)) = ending else { throw Unexpected() }
    #expect(failure.retryable)
    #expect(telegram.sent.count == 1)
  }

  @Test func theDeadlineMayPassOnTheWay() async throws {
    telegram.onSend = { [clock] in clock.advance(.seconds(20)) }
    telegram.answer(.unavailable("reset", mayHaveArrived: true))
    let ending = try await perform("hello", deadline: noon + .seconds(10), with: handler())
    #expect(ending == .expired)
    #expect(ledger.log == ["begin a", "end a uncertain"])
    #expect(ledger.inbox == [:])
  }

  @Test func aLostConnectionIsTriedAgainAndMarked() async throws {
    telegram.answer(.unavailable("reset", mayHaveArrived: true), .sent(messageID: 2))
    let ending = try await perform("hello", with: handler())
    #expect(ending == .settled(.completed(["delivered": true, "messageId": 2, "possibleRepeat": true])))
  }

  @Test func afterAFewTriesTheAttemptFails() async throws {
    telegram.answer(
      .unavailable("a", mayHaveArrived: false), .unavailable("b", mayHaveArrived: false),
      .unavailable("c", mayHaveArrived: false))
    guard case .settled(.failed(let failure)) = try await perform("hello", with: handler()) else { throw Unexpected() }
    #expect(failure.retryable)
    #expect(failure.problem.detail == "c")
    #expect(ledger.inbox == [:])
  }

  @Test func aBotThatWasBlockedDisablesTheChat() async throws {
    telegram.answer(.forbidden("blocked by the user"))
    guard case .settled(.failed(let failure)) = try await perform("hello", with: handler()) else { throw Unexpected() }
    #expect(!failure.retryable)
    #expect(ledger.disabled == ["42": "blocked by the user"])
    #expect(ledger.inbox["a"] != nil)
  }

  @Test func nothingIsSentWithoutItsRecord() async throws {
    ledger.failNext(1)
    await #expect(throws: ProcessorError.self) { try await perform("hello", with: handler()) }
    #expect(telegram.sent == [])
  }

  @Test func whatWasSentIsRecordedHoweverLongItTakes() async throws {
    telegram.onSend = { [ledger] in ledger.failNext(5) }
    let ending = try await perform("hello", with: handler())
    #expect(ending == .settled(.completed(["delivered": true, "messageId": 1, "possibleRepeat": false])))
    #expect(telegram.sent == ["hello"])
    #expect(ledger.log == ["begin a", "end a sent"])
  }

  @Test func givenUpBeforeItsRecordItIsTheNextOwnersToRepeat() async throws {
    let context = EffectContext(permits: Permits(4), clock: clock)
    telegram.onSend = { [ledger] in
      ledger.failNext(1000)
      context.abandon()
    }
    #expect(try await perform("hello", with: handler(), context: context) == .abandoned)
    #expect(ledger.inbox == [:])
  }
}

final class Lines: Sendable {
  private let lines = Mutex<[String]>([])
  var all: [String] { lines.withLock { $0 } }
  @Sendable func add(_ line: String) { lines.withLock { $0.append(line) } }
}

/// Telegram, as it is told to be.
final class TestTelegram: TelegramSender {
  private struct State {
    var sent: [String] = []
    var answers: [TelegramAnswer] = []
    var onSend: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())

  var sent: [String] { state.withLock { $0.sent } }
  var onSend: (@Sendable () -> Void)? {
    get { state.withLock { $0.onSend } }
    set { state.withLock { $0.onSend = newValue } }
  }

  func answer(_ answers: TelegramAnswer...) { state.withLock { $0.answers = answers } }

  func send(_ text: String, to chat: String, silent: Bool) async -> TelegramAnswer {
    onSend?()
    return state.withLock { state in
      state.sent.append(text)
      return state.answers.isEmpty ? .sent(messageID: Int64(state.sent.count)) : state.answers.removeFirst()
    }
  }
}

final class TestLedger: TelegramLedger {
  private struct State {
    var log: [String] = []
    var inbox: [String: Outcome] = [:]
    var disabled: [String: String] = [:]
    var beginning: TelegramBeginning?
    var failures = 0
  }

  private let state = Mutex(State())

  var log: [String] { state.withLock { $0.log } }
  var inbox: [String: Outcome] { state.withLock { $0.inbox } }
  var disabled: [String: String] { state.withLock { $0.disabled } }

  func begin(with beginning: TelegramBeginning) { state.withLock { $0.beginning = beginning } }
  func failNext(_ count: Int) { state.withLock { $0.failures = count } }

  private func write(_ line: String, _ change: (inout State) -> Void = { _ in }) throws(ProcessorError) {
    let fails = state.withLock { state in
      if state.failures > 0 {
        state.failures -= 1
        return true
      }
      state.log.append(line)
      change(&state)
      return false
    }
    if fails { throw ProcessorError(.store, "down") }
  }

  func find(_ keys: [String]) async throws(ProcessorError) -> [String: Outcome] { inbox }

  func begin(_ message: TelegramMessage, key: String) async throws(ProcessorError) -> TelegramBeginning {
    try write("begin \(key)")
    return state.withLock { $0.beginning } ?? .go(TelegramProgress())
  }

  func advance(_ key: String, to progress: TelegramProgress) async throws(ProcessorError) {
    try write("advance \(key) \(progress.partsSent)")
  }

  func end(
    _ message: TelegramMessage, key: String, _ end: TelegramEnd, outcome: Outcome
  ) async throws(ProcessorError) {
    try write("end \(key) \(end.status.rawValue)") { state in
      if outcome.isFinal { state.inbox[key] = outcome }
      if let reason = end.disablesChat { state.disabled[message.chat] = reason }
    }
  }
}
