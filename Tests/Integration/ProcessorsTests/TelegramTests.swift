import Kafka
import Postgres
import Processors
import TestSupport
import Testing
import Values
import Wire

/// The telegram processor on a real broker, a real Postgres and a stand-in for Telegram.
struct TelegramTests {
  private func kind(_ telegram: TelegramStandIn, token: String = TelegramStandIn.token) -> ProcessorOptions.Kind {
    // Faster than the default, as the stand-in says what is too fast.
    var limits = Processors.TelegramLimits()
    limits.chat = .init(rate: 1, burst: 3)
    return .telegram(
      TelegramOptions(
        token: token, baseURL: telegram.baseURL, chats: ["operators": "42", "crew": "-77"], limits: limits,
        timeout: .seconds(5)))
  }

  private func telegram(_ chats: [Int64: TelegramStandIn.Chat] = [42: .open, 43: .open, -77: .open]) async throws
    -> TelegramStandIn
  {
    try await TelegramStandIn(chats: chats)
  }

  private func message(_ text: String, to chat: JSON = "operators") -> JSON { ["chat": chat, "text": .string(text)] }

  private func expectNoToken(_ station: Station) {
    #expect(!station.logs.all.isEmpty)
    #expect(station.logs.all.filter { $0.contains("stand-in_token") } == [])
  }

  @Test func aMessageArrivesOnceAndIsRecorded() async throws {
    let (station, telegram) = (try await Station(), try await telegram())
    try await station.withProcessor(kind(telegram)) {
      try await station.send([
        station.event("a", message("m1 has stopped")), station.event("a", message("m1 has stopped")),
        station.event("a", message("m1 has stopped"), attempt: 2),
      ])
      let replies = try await station.replies(atLeast: 3)
      #expect(replies.map(\.causationID).sorted() == ["a.1", "a.1", "a.2"])
      #expect(
        Set(replies.map(\.kind)) == [.completed(["delivered": true, "messageId": 1, "possibleRepeat": false])])
    }
    #expect(telegram.messages.map(\.text) == ["m1 has stopped"])
    #expect(telegram.messages.map(\.chat) == [42])
    let rows = try await station.query("select * from telegram_messages")
    let row = try #require(rows.first)
    #expect(rows.count == 1)
    #expect(try row.text("status") == "sent")
    #expect(try row.int64s("message_ids") == [1])
    #expect(try row.bool("possible_repeat") == false)
    // And not again after a restart.
    try await station.withProcessor(kind(telegram)) {
      try await station.send([station.event("a", message("m1 has stopped"), attempt: 3)])
      _ = try await station.replies(atLeast: 4)
    }
    #expect(telegram.messages.count == 1)
    expectNoToken(station)
    await telegram.stop()
  }

  @Test func textsArriveAsTheyAre() async throws {
    let (station, telegram) = (try await Station(), try await telegram())
    let text = "<b>Grüße</b> & _m1_ *100 %* `x` [a](b) \\ \"q\" 🚜 \u{202E}x"
    try await station.withProcessor(kind(telegram)) { _ = try await station.ask("a", message(text)) }
    #expect(telegram.messages.map(\.text) == [text])
    await telegram.stop()
  }

  @Test func aLongTextArrivesInParts() async throws {
    let (station, telegram) = (try await Station(), try await telegram())
    let lines = (0..<300).map { "line \($0): " + String(repeating: "🚜", count: 10) }
    try await station.withProcessor(kind(telegram)) {
      let reply = try await station.ask("a", message(lines.joined(separator: "\n")))
      #expect(reply.output?["messageIds"] == [1, 2, 3])
      let tooLong = try await station.ask("b", message(String(repeating: "a", count: 50_000)))
      #expect(tooLong.failure?.problem.status == 413)
    }
    #expect(telegram.messages.map(\.text).joined(separator: "\n") == lines.joined(separator: "\n"))
    await telegram.stop()
  }

  @Test func theLimitsAreKept() async throws {
    let (station, telegram) = (try await Station(), try await telegram())
    try await station.withProcessor(kind(telegram)) {
      try await station.send(
        (0..<6).map { station.event("e\($0)", message("message \($0)"), partitionKey: "same") })
      _ = try await station.replies(atLeast: 6)
    }
    #expect(telegram.messages.map(\.text) == (0..<6).map { "message \($0)" })
    #expect(telegram.messages.count == 6)
    await telegram.stop()
  }

  @Test func aRefusalOfOneChatHoldsUpNoOther() async throws {
    let (station, telegram) = (try await Station(), try await telegram())
    var options = try station.options(kind(telegram))
    // Asks for more than Telegram allows.
    var limits = Processors.TelegramLimits()
    limits.chat = .init(rate: 100, burst: 100)
    options.kind = .telegram(
      TelegramOptions(token: TelegramStandIn.token, baseURL: telegram.baseURL, limits: limits))
    let processor = RunningProcessor(options, logger: station.logs.logger)
    try await station.send((0..<5).map { station.event("e\($0)", message("\($0)", to: 42), partitionKey: "k") })
    try await station.send([station.event("other", message("other", to: 43))])
    let replies = try await station.replies(atLeast: 6)
    try await processor.stop()
    #expect(replies.allSatisfy { $0.kind.output?["possibleRepeat"] == false })
    #expect(telegram.statuses.contains(429))
    #expect(telegram.messages.filter { $0.chat == 42 }.map(\.text) == ["0", "1", "2", "3", "4"])
    #expect((telegram.messages.firstIndex { $0.chat == 43 } ?? 9) < 4)
    await telegram.stop()
  }

  @Test func aBlockedBotDisablesTheChat() async throws {
    let (station, telegram) = (try await Station(), try await telegram([42: .blocked, 43: .open]))
    try await station.withProcessor(kind(telegram)) {
      let first = try #require(try await station.ask("a", message("one")).failure)
      #expect(first.problem.status == 403)
      #expect(!first.retryable)
      let second = try #require(try await station.ask("b", message("two")).failure)
      #expect(second.problem.status == 403)
      #expect(second.problem.detail?.contains("the chat 42 is disabled") == true)
      #expect(telegram.statuses == [403])
      #expect(try await station.ask("c", message("three", to: 43)).output?["delivered"] == true)
      // An operator enables it again.
      telegram.set(chat: 42, to: .open)
      try await station.execute("delete from telegram_chats where chat = '42'")
      #expect(try await station.ask("d", message("four")).output?["delivered"] == true)
    }
    await telegram.stop()
  }

  @Test func whatTelegramRefusesFailsForGood() async throws {
    let (station, telegram) = (try await Station(), try await telegram([-77: .migrated(to: -1007)]))
    try await station.withProcessor(kind(telegram)) {
      let missing = try #require(try await station.ask("a", message("x")).failure)
      #expect(missing.problem.status == 400)
      #expect(missing.problem.detail?.contains("chat not found") == true)
      #expect(!missing.retryable)
      let moved = try #require(try await station.ask("b", message("x", to: "crew")).failure)
      #expect(moved.problem.detail?.contains("-1007") == true)
      let unknown = try #require(try await station.ask("c", message("x", to: "nobody")).failure)
      #expect(unknown.problem.status == 404)
    }
    #expect(telegram.statuses == [400, 400])
    await telegram.stop()
  }

  @Test func aTroubledTelegramIsTriedAgain() async throws {
    let (station, telegram) = (try await Station(), try await telegram())
    try await station.withProcessor(kind(telegram)) {
      telegram.next(.status(502), .drop)
      let reply = try await station.ask("a", message("x"))
      // Neither answer says whether the message went out.
      #expect(reply.output?["delivered"] == true)
      #expect(reply.output?["possibleRepeat"] == true)
      #expect(telegram.messages.count == 1)
      telegram.next(.dropAfterAccepting)
      let repeated = try await station.ask("b", message("y"))
      #expect(repeated.output?["possibleRepeat"] == true)
      #expect(telegram.messages.map(\.text) == ["x", "y", "y"])
      telegram.next(.status(500), .status(500), .status(500))
      let failure = try #require(try await station.ask("c", message("z")).failure)
      #expect(failure.retryable)
      #expect(failure.retryAfter != nil)
      // The next attempt acts, and knows that the one before may have.
      try await station.send([station.event("c", message("z"), attempt: 2)])
      let replies = try await station.replies(atLeast: 4)
      #expect(replies.last?.kind.output?["possibleRepeat"] == true)
    }
    expectNoToken(station)
    await telegram.stop()
  }

  @Test func withoutATelegramTheAttemptFailsForNow() async throws {
    let (station, telegram) = (try await Station(), try await telegram())
    await telegram.stop()
    try await station.withProcessor(kind(telegram)) {
      let failure = try #require(try await station.ask("a", message("x")).failure)
      #expect(failure.retryable)
      #expect(failure.problem.detail?.contains("stand-in_token") == false)
    }
    let rows = try await station.query("select status, error from telegram_messages")
    let row = try #require(rows.first)
    // Nobody listened, so nothing can have arrived.
    #expect(try row.text("status") == "failed")
    #expect(try row.text("error").contains("stand-in_token") == false)
    expectNoToken(station)
  }

  @Test func aWrongTokenIsToldWithoutShowingIt() async throws {
    let (station, telegram) = (try await Station(), try await telegram())
    try await station.withProcessor(kind(telegram, token: "999:wrong-stand-in_token")) {
      let failure = try #require(try await station.ask("a", message("x")).failure)
      #expect(failure.retryable)
      #expect(failure.retryAfter == .seconds(60))
      #expect(failure.problem.detail?.contains("Unauthorized") == true)
    }
    expectNoToken(station)
    await telegram.stop()
  }

  @Test func withoutATokenMessagesArePrinted() async throws {
    let station = try await Station()
    try await station.withProcessor(.telegram(TelegramOptions())) {
      let reply = try await station.ask("a", message("hello"))
      #expect(reply == .completed(["delivered": false, "printed": true]))
    }
    #expect(try await station.count("select count(*) from telegram_messages where status = 'printed'") == 1)
  }

  @Test func aMessageUnderWayWhenTheProcessorEndsIsNotLost() async throws {
    let (station, telegram) = (try await Station(), try await telegram())
    let first = try station.start(kind(telegram))
    telegram.next(.slow(.milliseconds(600)))
    try await station.send((0..<8).map { station.event("e\($0)", message("\($0)"), partitionKey: "k") })
    _ = try await poll(within: .seconds(20), "the first to be on its way") {
      // At first there is no such table.
      let count = try? await station.count("select count(*) from telegram_messages")
      return count.map { $0 > 0 } == true ? true : nil
    }
    let began = ContinuousClock.now
    try await first.stop()
    #expect(ContinuousClock.now - began < .seconds(10))
    try await station.withProcessor(kind(telegram)) {
      _ = try await poll(within: .seconds(60), "all replies") {
        let replies = try await station.replies(atLeast: 0)
        return Set(replies.map(\.causationID)).count == 8 ? true : nil
      }
    }
    #expect(telegram.messages.map(\.text) == (0..<8).map(String.init))
    await telegram.stop()
  }

  @Test func aMessageThatMayHaveGoneOutBeforeACrashIsMarked() async throws {
    let (station, telegram) = (try await Station(), try await telegram())
    try await station.withProcessor(kind(telegram)) { _ = try await station.ask("warm-up", message("x", to: 43)) }
    // As a processor leaves it that dies between the intent and the answer.
    try await station.execute(
      """
      insert into telegram_messages (processor, idempotency_key, chat, text, status, parts)
      values ('\(station.channel)', 'a', '42', 'x', 'sending', 1)
      """)
    try await station.withProcessor(kind(telegram)) {
      let reply = try await station.ask("a", message("x"))
      #expect(reply.output?["possibleRepeat"] == true)
    }
    #expect(try await station.count("select attempts from telegram_messages where idempotency_key = 'a'") == 2)
    await telegram.stop()
  }
}
