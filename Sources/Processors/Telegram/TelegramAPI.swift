import HTTP
import Values

/// What Telegram said about one message.
enum TelegramAnswer: Sendable, Hashable {
  case sent(messageID: Int64)
  /// 429
  case limited(retryAfter: Duration)
  /// 403: the bot was blocked, or is no member any more.
  case forbidden(String)
  /// 400 and its like: this message cannot be sent, ever.
  case rejected(status: Int, String)
  /// 401, 404: it is the token that is wrong.
  case unauthorized(String)
  /// No answer, or one that says nothing about the message.
  case unavailable(String, mayHaveArrived: Bool)
}

/// Sends messages; what the handler needs of Telegram.
protocol TelegramSender: Sendable {
  func send(_ text: String, to chat: String, silent: Bool) async -> TelegramAnswer
}

/// The Bot API's `sendMessage` over HTTP.
struct TelegramAPI: TelegramSender {
  private let client: HTTPClient
  private let url: String
  private let token: String
  private let timeout: Duration

  /// - Parameters:
  ///   - baseURL: `https://api.telegram.org`, or a stand-in's.
  ///   - token: as @BotFather gives it; it becomes a part of the URL, and is kept out of every message.
  /// - Throws: `configuration` if the token does not look like one.
  init(client: HTTPClient, baseURL: String, token: String, timeout: Duration = .seconds(20)) throws(ProcessorError) {
    let parts = token.split(separator: ":", omittingEmptySubsequences: false)
    let isValid =
      parts.count == 2 && !parts[0].isEmpty && !parts[1].isEmpty
      && parts[0].utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      && parts[1].utf8.allSatisfy { $0.isTokenByte }
    guard isValid else {
      throw ProcessorError(
        .configuration, "the Telegram token is not of the form 123456:ABC… that @BotFather gives")
    }
    var base = baseURL
    while base.hasSuffix("/") { base.removeLast() }
    self.client = client
    self.token = token
    self.timeout = timeout
    url = "\(base)/bot\(token)/sendMessage"
  }

  func send(_ text: String, to chat: String, silent: Bool) async -> TelegramAnswer {
    var members: JSONObject = ["chat_id": Int64(chat).map { .number(JSONNumber(Int($0))) } ?? .string(chat)]
    members["text"] = .string(text)
    if silent { members["disable_notification"] = true }
    let request = HTTPRequest(
      method: "POST", url: url, headers: [HTTPHeader("Content-Type", "application/json")],
      body: JSON.object(members).serialized(), timeout: timeout, connectTimeout: min(timeout, .seconds(10)),
      maxResponseBytes: 64 << 10, redacting: [token])
    do throws(HTTPError) {
      return TelegramAnswer(try await client.send(request))
    } catch {
      return .unavailable(error.description, mayHaveArrived: error.mayHaveBeenSent)
    }
  }
}

extension UInt8 {
  fileprivate var isTokenByte: Bool {
    switch self {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}

extension TelegramAnswer {
  /// Reads a response of the Bot API ("Making requests").
  init(_ response: HTTPResponse) {
    let body = (try? JSON.parse(response.body)) ?? .null
    if response.status == 200, body["ok"]?.bool == true, let id = body["result"]?["message_id"]?.int {
      self = .sent(messageID: Int64(id))
      return
    }
    let status = body["error_code"]?.int ?? response.status
    let reason = "Telegram answered \(status): \(body["description"]?.string ?? "no description")"
    switch status {
    case 429:
      // A gateway in between may leave it out, or give it as a header.
      let seconds = body["parameters"]?["retry_after"]?.int ?? response.header("Retry-After").flatMap { Int($0) } ?? 5
      self = .limited(retryAfter: .seconds(min(max(seconds, 1), 86_400)))
    case 403: self = .forbidden(reason)
    case 401, 404: self = .unauthorized(reason)
    case 400 where body["parameters"]?["migrate_to_chat_id"] != nil:
      let id = body["parameters"]?["migrate_to_chat_id"]?.display ?? ""
      self = .rejected(status: 400, "\(reason); the group has become a supergroup with the id \(id)")
    case 400..<500: self = .rejected(status: status, reason)
    default: self = .unavailable(reason, mayHaveArrived: true)
    }
  }
}
