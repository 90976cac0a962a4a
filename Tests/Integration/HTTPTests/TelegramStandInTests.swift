import HTTP
import Synchronization
import TestSupport
import Testing
import Values

@Suite struct TelegramStandInTests {
  private let client: HTTPClient

  init() throws { client = try HTTPClient() }

  private func call(
    _ api: TelegramStandIn, method: String = "sendMessage", token: String = TelegramStandIn.token,
    _ parameters: JSON
  ) async throws -> (status: Int, body: JSON) {
    let response = try await client.send(
      HTTPRequest(
        method: "POST", url: "\(api.baseURL)/bot\(token)/\(method)",
        headers: [HTTPHeader("Content-Type", "application/json")], body: parameters.serialized()))
    return (response.status, (try? JSON.parse(response.body)) ?? nil)
  }

  private func send(_ api: TelegramStandIn, chat: Int = 42, _ text: String) async throws -> (status: Int, body: JSON) {
    try await call(api, ["chat_id": .number(JSONNumber(chat)), "text": .string(text)])
  }

  @Test func acceptsJSONFormsAndQueries() async throws {
    let api = try await TelegramStandIn(limits: .none)
    let answer = try await call(api, ["chat_id": 42, "text": " héllo ", "disable_notification": true])
    #expect(answer.status == 200)
    #expect(answer.body["ok"] == true)
    #expect(answer.body["result"]?["message_id"] == 1)
    #expect(answer.body["result"]?["text"] == "héllo")
    #expect(answer.body["result"]?["chat"]?["id"] == 42)
    let url = "\(api.baseURL)/bot123456%3AAAH-stand-in_token/SendMessage"
    let form = HTTPRequest(
      method: "POST", url: url, headers: [HTTPHeader("Content-Type", "application/x-www-form-urlencoded")],
      body: Array("chat_id=42&text=a+b%26%E2%82%AC".utf8))
    #expect(try await client.send(form).status == 200)
    #expect(try await client.send(HTTPRequest(url: url + "?chat_id=42&text=q")).status == 200)
    #expect(api.messages.map(\.text) == ["héllo", "a b&€", "q"])
    #expect(api.messages.map(\.isSilent) == [true, false, false])
    #expect(api.statuses == [200, 200, 200])
    let me = try await call(api, method: "getMe", [:])
    #expect(me.body["result"]?["id"] == 123456)
    #expect(me.body["result"]?["is_bot"] == true)
    await api.stop()
  }

  @Test func documentedErrors() async throws {
    let api = try await TelegramStandIn(
      chats: [42: .open, 1: .blocked, -2: .kicked, -3: .migrated(to: -1003)], limits: .none)
    func expect(_ code: Int, _ description: String, _ answer: (status: Int, body: JSON)) {
      #expect(answer.status == code)
      #expect(answer.body["ok"] == false)
      #expect(answer.body["error_code"]?.int == code)
      #expect(answer.body["description"]?.string == description)
    }
    expect(401, "Unauthorized", try await call(api, token: "1:wrong", ["chat_id": 42, "text": "x"]))
    expect(404, "Not Found", try await call(api, token: "nonsense", ["chat_id": 42, "text": "x"]))
    expect(404, "Not Found: method not found", try await call(api, method: "sendMassage", [:]))
    expect(400, "Bad Request: chat_id is empty", try await call(api, ["text": "x"]))
    expect(400, "Bad Request: chat not found", try await send(api, chat: 7, "x"))
    expect(400, "Bad Request: message text is empty", try await send(api, " \n "))
    expect(400, "Bad Request: message text is empty", try await call(api, ["chat_id": 42]))
    expect(403, "Forbidden: bot was blocked by the user", try await send(api, chat: 1, "x"))
    expect(403, "Forbidden: bot was kicked from the group chat", try await send(api, chat: -2, "x"))
    let migrated = try await send(api, chat: -3, "x")
    expect(400, "Bad Request: group chat was upgraded to a supergroup chat", migrated)
    #expect(migrated.body["parameters"]?["migrate_to_chat_id"] == -1003)
    // Counted in UTF-16 units: an emoji is two.
    #expect(try await send(api, String(repeating: "😀", count: 2048)).status == 200)
    expect(400, "Bad Request: message is too long", try await send(api, String(repeating: "😀", count: 2048) + "x"))
    api.set(chat: 42, to: .blocked)
    expect(403, "Forbidden: bot was blocked by the user", try await send(api, "x"))
    #expect(api.messages.count == 1)
    await api.stop()
  }

  @Test func floodsAreRefusedUntilTheTimeNamed() async throws {
    let clock = Mutex(Duration.zero)
    func advance(_ duration: Duration) { clock.withLock { $0 += duration } }
    let api = try await TelegramStandIn(chats: [42: .open, 43: .open], now: { clock.withLock { $0 } })
    for _ in 0..<3 { #expect(try await send(api, "x").status == 200) }
    let refused = try await send(api, "x")
    #expect(refused.status == 429)
    #expect(refused.body["parameters"]?["retry_after"] == 3)
    #expect(refused.body["description"] == "Too Many Requests: retry after 3")
    #expect(try await send(api, chat: 43, "x").status == 200, "other chats are not concerned")
    advance(.milliseconds(1500))
    #expect(try await send(api, "x").body["parameters"]?["retry_after"] == 2)
    advance(.milliseconds(1500))
    for _ in 0..<10 {
      #expect(try await send(api, "x").status == 200)
      advance(.seconds(1))
    }
    await api.stop()
  }

  @Test func groupsTakeTwentyAMinute_andAllChatsThirtyASecond() async throws {
    let clock = Mutex(Duration.zero)
    var limits = TelegramLimits()
    limits.chatInterval = .zero
    let chats = Dictionary(uniqueKeysWithValues: (1...40).map { (Int64($0), TelegramStandIn.Chat.open) })
    let api = try await TelegramStandIn(
      chats: chats.merging([-5: .open]) { $1 }, limits: limits, now: { clock.withLock { $0 } })
    for _ in 0..<20 { #expect(try await send(api, chat: -5, "x").status == 200) }
    #expect(try await send(api, chat: -5, "x").body["parameters"]?["retry_after"] == 60)
    for chat in 1...10 { #expect(try await send(api, chat: chat, "x").status == 200) }
    #expect(try await send(api, chat: 11, "x").body["parameters"]?["retry_after"] == 1)
    #expect(try await send(api, chat: 12, "x").status == 429)
    clock.withLock { $0 += .seconds(1) }
    #expect(try await send(api, chat: 12, "x").status == 200)
    #expect(try await send(api, chat: -5, "x").body["parameters"]?["retry_after"] == 59)
    clock.withLock { $0 += .seconds(59) }
    #expect(try await send(api, chat: -5, "x").status == 200)
    await api.stop()
  }

  @Test func faultsOnDemand() async throws {
    let api = try await TelegramStandIn(limits: .none)
    api.next(.status(502), .dropAfterAccepting, .drop, .slow(.milliseconds(50)), .slow(.milliseconds(500)))
    #expect(try await send(api, "a").status == 502)
    let lost = await failure { () async throws -> HTTPResponse in
      _ = try await send(api, "b")
      return HTTPResponse(status: 200)
    }
    #expect(lost?.code == .connectionLost)
    #expect(lost?.mayHaveBeenSent == true)
    #expect(api.messages.map(\.text) == ["b"])
    await #expect(throws: HTTPError.self) { try await send(api, "c") }
    #expect(try await send(api, "d").status == 200)
    let slow = HTTPRequest(
      url: "\(api.baseURL)/bot\(TelegramStandIn.token)/getMe", timeout: .milliseconds(100))
    #expect(await failure { try await client.send(slow) }?.code == .timeout)
    #expect(api.messages.map(\.text) == ["b", "d"])
    #expect(api.statuses == [502, 0, 0, 200])
    await api.stop()
  }

  @Test(arguments: [
    ("HTML", "<b>a</b> &lt;&amp;&#33;&#x21; <a href=\"http://x\">l</a> & b", "a <&!! l & b"),
    ("MarkdownV2", "*a* _b_ __c__ ~d~ ||e|| `f.` [l](http://x.y) \\. \\-", "a b c d e f. l . -"),
    ("MarkdownV2", ">quoted\n```swift\na.b(c)\n```", "quoted\nswift\na.b(c)"),
    ("", "<b> *a*.", "<b> *a*."),
  ])
  func markupIsTakenOut(_ mode: String, _ markup: String, _ plain: String) async throws {
    let api = try await TelegramStandIn(limits: .none)
    let answer = try await call(api, ["chat_id": 42, "text": .string(markup), "parse_mode": .string(mode)])
    #expect(answer.status == 200, "\(answer.body)")
    #expect(api.messages.first?.text == plain)
    #expect(api.messages.first?.markup == markup)
    await api.stop()
  }

  @Test(arguments: [
    ("HTML", "<x>a</x>", "Unsupported start tag \"x\" at byte offset 0"),
    ("HTML", "é<b>a", "Can't find end tag corresponding to start tag \"b\""),
    ("HTML", "é<b>a</i>", "Unmatched end tag at byte offset 6, expected \"</b>\", found \"</i>\""),
    ("HTML", "a</b>", "Unexpected end tag at byte offset 1"),
    ("HTML", "a < b", "Unclosed start tag at byte offset 2"),
    ("MarkdownV2", "a.", "Character '.' is reserved and must be escaped with the preceding '\\'"),
    ("MarkdownV2", "*a", "Can't find end of the entity that begins with *"),
    ("Markup", "a", "unsupported parse_mode"),
  ])
  func brokenMarkupIsRefused(_ mode: String, _ markup: String, _ reason: String) async throws {
    let api = try await TelegramStandIn(limits: .none)
    let answer = try await call(api, ["chat_id": 42, "text": .string(markup), "parse_mode": .string(mode)])
    #expect(answer.status == 400)
    #expect(answer.body["description"]?.string == "Bad Request: can't parse entities: \(reason)")
    await api.stop()
  }
}
