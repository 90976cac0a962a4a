import Values

/// What the Bot API answers, and what it remembers. Pure: times are passed in.
struct TelegramState {
  let token: String
  var chats: [Int64: TelegramStandIn.Chat]
  private(set) var messages: [TelegramStandIn.Message] = []
  private let limits: TelegramLimits
  private var flood: TelegramFlood

  init(token: String, chats: [Int64: TelegramStandIn.Chat], limits: TelegramLimits) {
    self.token = token
    self.chats = chats
    self.limits = limits
    flood = TelegramFlood(limits)
  }

  /// - Parameters:
  ///   - path: `/bot<token>/<method>`, percent-decoded.
  ///   - now: since any start.
  ///   - date: for the message, in seconds since 1970.
  mutating func answer(_ path: String, _ parameters: JSONObject, at now: Duration, date: Int) -> TelegramAnswer {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 3, parts[0].isEmpty, parts[1].hasPrefix("bot"), isToken(parts[1].dropFirst(3)) else {
      return .failure(404, "Not Found")
    }
    guard parts[1].dropFirst(3) == token else { return .failure(401, "Unauthorized") }
    // Method names are compared without regard to case ("Making requests").
    switch parts[2].lowercased() {
    case "getme": return .success(me)
    case "sendmessage": return send(parameters, at: now, date: date)
    default: return .failure(404, "Not Found: method not found")
    }
  }

  private func isToken(_ text: Substring) -> Bool {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    return parts.count == 2 && !parts[1].isEmpty && Int64(parts[0]) != nil
  }

  private var me: JSON {
    [
      "id": .number(JSONNumber(Int(token.prefix { $0 != ":" }) ?? 0)), "is_bot": true, "first_name": "Stand-in",
      "username": "stand_in_bot", "can_join_groups": true, "can_read_all_group_messages": false,
      "supports_inline_queries": false,
    ]
  }

  private mutating func send(_ parameters: JSONObject, at now: Duration, date: Int) -> TelegramAnswer {
    guard let chatText = text(parameters["chat_id"]), !chatText.isEmpty else { return .badRequest("chat_id is empty") }
    let markup = parameters["text"]?.string ?? ""
    let mode = parameters["parse_mode"]?.string
    let plain: String
    do {
      plain = trimmed(try TelegramEntities.plainText(markup, mode: mode))
    } catch {
      return .badRequest(error.description)
    }
    guard !plain.isEmpty else { return .badRequest("message text is empty") }
    guard let chat = Int64(chatText), let state = chats[chat] else { return .badRequest("chat not found") }
    switch state {
    case .open: break
    case .blocked: return .failure(403, "Forbidden: bot was blocked by the user")
    case .kicked: return .failure(403, "Forbidden: bot was kicked from the group chat")
    case .migrated(let target):
      return .failure(
        400, "Bad Request: group chat was upgraded to a supergroup chat",
        ["migrate_to_chat_id": .number(JSONNumber(Int(target)))])
    }
    guard plain.utf16.count <= limits.textUnits else { return .badRequest("message is too long") }
    if let seconds = flood.retryAfter(chat: chat, at: now) {
      return .failure(
        429, "Too Many Requests: retry after \(seconds)", ["retry_after": .number(JSONNumber(seconds))])
    }
    let message = TelegramStandIn.Message(
      id: messages.count + 1, chat: chat, text: plain, markup: markup, parseMode: mode,
      isSilent: isTrue(parameters["disable_notification"]), time: now)
    messages.append(message)
    return .success(json(message, date: date))
  }

  private func json(_ message: TelegramStandIn.Message, date: Int) -> JSON {
    [
      "message_id": .number(JSONNumber(message.id)), "from": me,
      "chat": ["id": .number(JSONNumber(Int(message.chat))), "type": message.chat < 0 ? "group" : "private"],
      "date": .number(JSONNumber(date)), "text": .string(message.text),
    ]
  }

  /// A parameter of a form is always text, one in JSON may be a number.
  private func text(_ value: JSON?) -> String? { value?.string ?? value?.number?.text }

  private func isTrue(_ value: JSON?) -> Bool { value?.bool ?? (value?.string == "true" || value?.string == "1") }

  private func trimmed(_ text: String) -> String {
    String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
  }
}

/// The envelope of every response ("Making requests").
struct TelegramAnswer {
  let status: Int
  let body: JSON

  static func success(_ result: JSON) -> TelegramAnswer {
    TelegramAnswer(status: 200, body: ["ok": true, "result": result])
  }

  static func failure(_ code: Int, _ description: String, _ parameters: JSONObject = [:]) -> TelegramAnswer {
    var body: JSONObject = [
      "ok": false, "error_code": .number(JSONNumber(code)), "description": .string(description),
    ]
    if !parameters.isEmpty { body["parameters"] = .object(parameters) }
    return TelegramAnswer(status: code, body: .object(body))
  }

  static func badRequest(_ description: String) -> TelegramAnswer { .failure(400, "Bad Request: \(description)") }
}
