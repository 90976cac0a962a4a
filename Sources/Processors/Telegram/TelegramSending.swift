import Values
import Wire

/// What to do about a message after each answer of Telegram. Pure.
struct TelegramSending: Sendable {
  enum Step: Sendable, Hashable {
    case finished(TelegramEnd)
    case nextPart
    /// The same part, after a while.
    case again(after: Duration)
  }

  let message: TelegramMessage
  let maxTries: Int
  private(set) var progress: TelegramProgress
  /// The current part may have arrived.
  private(set) var isUncertain = false
  private var tries = 0

  init(message: TelegramMessage, progress: TelegramProgress, maxTries: Int) {
    self.message = message
    self.progress = progress
    self.maxTries = maxTries
  }

  /// What is to be sent now.
  var part: String { message.parts[min(progress.partsSent, message.parts.count - 1)] }

  mutating func next(after answer: TelegramAnswer) -> Step {
    tries += 1
    switch answer {
    case .sent(let id):
      if isUncertain { progress.possibleRepeat = true }
      isUncertain = false
      tries = 0
      progress.partsSent += 1
      progress.messageIDs.append(id)
      return progress.partsSent < message.parts.count ? .nextPart : finished(.sent)
    case .limited(let retryAfter):
      // Waits its turn with the limiter, which knows of the refusal.
      if tries < maxTries { return .again(after: .zero) }
      return finished(.failed, "Telegram has refused the message \(tries) times, as too many", retryAfter: retryAfter)
    case .unavailable(let reason, let mayHaveArrived):
      isUncertain = isUncertain || mayHaveArrived
      if tries < maxTries { return .again(after: .milliseconds(500) * (1 << (tries - 1))) }
      return finished(isUncertain ? .uncertain : .failed, reason, retryAfter: .seconds(10))
    case .unauthorized(let reason):
      // Somebody has to give the processor another token; until then no message can be sent.
      return finished(.failed, reason, retryAfter: .seconds(60))
    case .forbidden(let reason):
      return finished(.failed, reason, disablesChat: true)
    case .rejected(let status, let reason):
      return finished(.failed, reason, status: status)
    }
  }

  private func finished(
    _ status: TelegramEnd.Status, _ error: String? = nil, retryAfter: Duration? = nil, disablesChat: Bool = false,
    status code: Int? = nil
  ) -> Step {
    .finished(
      TelegramEnd(
        status: status, progress: progress, error: error, retryAfter: retryAfter,
        rejection: disablesChat ? 403 : code, disablesChat: disablesChat ? error : nil))
  }
}

extension TelegramEnd {
  /// What is replied, and remembered if it is final.
  var outcome: Outcome {
    guard status == .sent else {
      let detail = error ?? "not sent"
      if let retryAfter { return .failed(.unavailable(503, detail, retryAfter: retryAfter)) }
      return .failed(.refused(rejection ?? 403, detail))
    }
    var members: JSONObject = ["delivered": true]
    members["messageId"] = progress.messageIDs.first.map { .number(JSONNumber(Int($0))) }
    members["possibleRepeat"] = .bool(progress.possibleRepeat)
    if progress.messageIDs.count > 1 {
      members["messageIds"] = .array(progress.messageIDs.map { .number(JSONNumber(Int($0))) })
    }
    return .completed(.object(members))
  }
}
