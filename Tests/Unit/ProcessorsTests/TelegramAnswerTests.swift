import HTTP
import Testing
import Values
import Wire

@testable import Processors

struct TelegramAnswerTests {
  private func answer(_ status: Int, _ body: String, _ headers: [HTTPHeader] = []) -> TelegramAnswer {
    TelegramAnswer(HTTPResponse(status: status, headers: headers, body: Array(body.utf8)))
  }

  @Test func sent() {
    #expect(answer(200, #"{"ok":true,"result":{"message_id":17}}"#) == .sent(messageID: 17))
  }

  @Test func tooMany() {
    let body = #"{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":7}}"#
    #expect(answer(429, body) == .limited(retryAfter: .seconds(7)))
    #expect(answer(429, "<html>", [HTTPHeader("Retry-After", "3")]) == .limited(retryAfter: .seconds(3)))
    #expect(answer(429, "") == .limited(retryAfter: .seconds(5)))
    let absurd = #"{"ok":false,"error_code":429,"parameters":{"retry_after":99999999999}}"#
    #expect(answer(429, absurd) == .limited(retryAfter: .seconds(86_400)))
  }

  @Test func refusals() {
    #expect(
      answer(403, #"{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}"#)
        == .forbidden("Telegram answered 403: Forbidden: bot was blocked by the user"))
    #expect(
      answer(400, #"{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}"#)
        == .rejected(status: 400, "Telegram answered 400: Bad Request: chat not found"))
    #expect(
      answer(401, #"{"ok":false,"error_code":401,"description":"Unauthorized"}"#)
        == .unauthorized("Telegram answered 401: Unauthorized"))
    #expect(answer(404, "") == .unauthorized("Telegram answered 404: no description"))
  }

  @Test func aGroupThatMovedSaysWhere() {
    let body = #"{"ok":false,"error_code":400,"description":"d","parameters":{"migrate_to_chat_id":-1007}}"#
    #expect(
      answer(400, body)
        == .rejected(status: 400, "Telegram answered 400: d; the group has become a supergroup with the id -1007"))
  }

  @Test(arguments: [(500, "<html>"), (502, ""), (200, "<html>"), (200, #"{"ok":true}"#), (302, "")])
  func anythingElseSaysNothingAboutTheMessage(status: Int, body: String) {
    guard case .unavailable(_, mayHaveArrived: true) = answer(status, body) else {
      Issue.record("\(answer(status, body))")
      return
    }
  }

  @Test(arguments: ["", "abc", "123:", ":abc", "12a:abc", "123:a/b", "123:a b", "123:abc:d", "../123:abc"])
  func aTokenThatIsNoneIsRefusedWithoutShowingIt(token: String) throws {
    let client = try HTTPClient()
    let error = #expect(throws: ProcessorError.self) {
      try TelegramAPI(client: client, baseURL: "https://api.telegram.org", token: token)
    }
    #expect(error?.code == .configuration)
    if token.count > 3 { #expect(error?.message.contains(token) == false) }
    client.close()
  }
}

struct TelegramSendingTests {
  private func sending(parts: Int = 1, progress: TelegramProgress = TelegramProgress()) -> TelegramSending {
    let texts = (1...parts).map { "part \($0)" }
    let message = TelegramMessage(chat: "1", text: "t", parts: texts, silent: false)
    return TelegramSending(message: message, progress: progress, maxTries: 3)
  }

  private func end(_ step: TelegramSending.Step) throws -> TelegramEnd {
    guard case .finished(let end) = step else { throw Unexpected() }
    return end
  }

  @Test func sentAtOnce() throws {
    var sending = sending()
    let end = try end(sending.next(after: .sent(messageID: 5)))
    #expect(end.outcome == .completed(["delivered": true, "messageId": 5, "possibleRepeat": false]))
    #expect(end.status == .sent)
  }

  @Test func partsOneByOne() throws {
    var sending = sending(parts: 2)
    #expect(sending.part == "part 1")
    #expect(sending.next(after: .sent(messageID: 5)) == .nextPart)
    #expect(sending.part == "part 2")
    let end = try end(sending.next(after: .sent(messageID: 6)))
    #expect(
      end.outcome
        == .completed(["delivered": true, "messageId": 5, "possibleRepeat": false, "messageIds": [5, 6]]))
  }

  @Test func aBegunMessageGoesOnWhereItWas() throws {
    var sending = sending(parts: 2, progress: TelegramProgress(partsSent: 1, messageIDs: [5], possibleRepeat: true))
    #expect(sending.part == "part 2")
    let end = try end(sending.next(after: .sent(messageID: 6)))
    #expect(end.progress == TelegramProgress(partsSent: 2, messageIDs: [5, 6], possibleRepeat: true))
  }

  @Test func whatMayHaveArrivedIsMarked() throws {
    var sending = sending()
    #expect(sending.next(after: .unavailable("x", mayHaveArrived: true)) == .again(after: .milliseconds(500)))
    #expect(sending.isUncertain)
    let end = try end(sending.next(after: .sent(messageID: 1)))
    #expect(end.progress.possibleRepeat)
    #expect(!sending.isUncertain)
  }

  @Test func whatCannotHaveArrivedIsNot() throws {
    var sending = sending()
    _ = sending.next(after: .unavailable("x", mayHaveArrived: false))
    #expect(!(try end(sending.next(after: .sent(messageID: 1)))).progress.possibleRepeat)
  }

  @Test func afterSomeTriesTheMediatorDecides() throws {
    var sending = sending()
    #expect(sending.next(after: .unavailable("a", mayHaveArrived: false)) == .again(after: .milliseconds(500)))
    #expect(sending.next(after: .unavailable("b", mayHaveArrived: true)) == .again(after: .seconds(1)))
    let end = try end(sending.next(after: .unavailable("c", mayHaveArrived: false)))
    #expect(end.status == .uncertain)
    #expect(end.outcome.failure?.retryable == true)
    #expect(end.outcome.failure?.retryAfter == .seconds(10))
    #expect(!end.outcome.isFinal)
  }

  @Test func limits() throws {
    var sending = sending()
    #expect(sending.next(after: .limited(retryAfter: .seconds(9))) == .again(after: .zero))
    #expect(sending.next(after: .limited(retryAfter: .seconds(9))) == .again(after: .zero))
    let end = try end(sending.next(after: .limited(retryAfter: .seconds(9))))
    #expect(end.status == .failed)
    #expect(end.outcome.failure?.retryAfter == .seconds(9))
  }

  @Test func aRefusalIsFinal() throws {
    var blocked = sending()
    let end = try end(blocked.next(after: .forbidden("blocked")))
    #expect(end.disablesChat == "blocked")
    #expect(end.outcome.failure?.problem.status == 403)
    #expect(end.outcome.isFinal)
    var malformed = sending()
    let other = try self.end(malformed.next(after: .rejected(status: 400, "no")))
    #expect(other.disablesChat == nil)
    #expect(other.outcome.failure?.problem.status == 400)
    #expect(other.outcome.isFinal)
  }

  @Test func aWrongTokenIsNotTheMessagesFault() throws {
    var sending = sending()
    let end = try end(sending.next(after: .unauthorized("Unauthorized")))
    #expect(end.outcome.failure?.retryable == true)
    #expect(end.outcome.failure?.retryAfter == .seconds(60))
  }
}

struct TelegramMessageReaderTests {
  private let reader = TelegramMessageReader(chats: ["operators": "-100"], acceptsAnyChat: false)

  @Test(arguments: [("operators", "-100"), ("42", "42"), ("-7", "-7"), ("@news", "@news")])
  func chats(name: String, chat: String) {
    #expect(reader.read(["chat": .string(name), "text": "hello"]).work?.chat == chat)
  }

  @Test func aChatsIDMayBeANumber() {
    #expect(reader.read(["chat": -100_123, "text": "hello"]).work?.chat == "-100123")
  }

  @Test func options() {
    #expect(reader.read(["chat": 1, "text": "hello", "silent": true]).work?.silent == true)
    #expect(reader.read(["chat": 1, "text": "hello", "silent": nil]).work?.silent == false)
  }

  @Test(arguments: [
    ("null", 400), (#"{"text":"x"}"#, 404), (#"{"chat":"nobody","text":"x"}"#, 404), (#"{"chat":"@","text":"x"}"#, 404),
    (#"{"chat":1.5,"text":"x"}"#, 404), (#"{"chat":1}"#, 400), (#"{"chat":1,"text":""}"#, 400),
    (#"{"chat":1,"text":" \n"}"#, 400), (#"{"chat":1,"text":5}"#, 400), (#"{"chat":1,"text":"a\u0000"}"#, 400),
    (#"{"chat":1,"text":"x","silent":"no"}"#, 400), (#"{"chat":1,"text":"x","parse_mode":"HTML"}"#, 400),
  ])
  func whatMakesNoSenseIsRefused(text: String, status: Int) throws {
    let data = try JSON.parse(text)
    #expect(reader.read(data).refusal?.problem.status == status)
    #expect(reader.read(data).refusal?.retryable == false)
  }

  @Test func aTextOfTooManyMessagesIsRefused() {
    let text = String(repeating: "a", count: 41_000)
    #expect(reader.read(["chat": 1, "text": .string(text)]).refusal?.problem.status == 413)
  }

  @Test func withoutATokenAnyNameWillDo() {
    let reader = TelegramMessageReader(chats: [:], acceptsAnyChat: true)
    #expect(reader.read(["chat": "operators", "text": "x"]).work?.chat == "operators")
  }
}
