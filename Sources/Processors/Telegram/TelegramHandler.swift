import HTTP
import Logging
import Synchronization
import Values
import Wire

/// Sends messages: `with: {chat, text}`; replies `{delivered, messageId, possibleRepeat}`.
///
/// Telegram has no idempotency keys, so a message is sent at least once: the intent is recorded first, and what may have
/// arrived before is marked as a possible repeat.
public final class TelegramHandler: EffectHandler {
  private let reader: TelegramMessageReader
  private let ledger: any TelegramLedger
  /// nil: there is no token, messages are printed.
  private let sender: (any TelegramSender)?
  private let limiter: Mutex<TelegramLimiter>
  private let print: @Sendable (String) -> Void
  private let logger: Logger
  private let maxTries: Int
  private let longestWait: Duration

  init(
    chats: [String: String], ledger: any TelegramLedger, sender: (any TelegramSender)?, limits: TelegramLimits,
    now: Timestamp, logger: Logger, maxTries: Int = 3, longestWait: Duration = .seconds(60),
    print: @escaping @Sendable (String) -> Void
  ) {
    reader = TelegramMessageReader(chats: chats, acceptsAnyChat: sender == nil)
    self.ledger = ledger
    self.sender = sender
    limiter = Mutex(TelegramLimiter(limits, now: now))
    self.logger = logger
    self.maxTries = maxTries
    self.longestWait = longestWait
    self.print = print
  }

  public func validate(_ event: ProcessorEvent) -> Validated<TelegramMessage> { reader.read(event.data) }

  public func lane(of work: TelegramMessage, for event: ProcessorEvent) -> String { work.chat }

  public func perform(
    _ message: TelegramMessage, for event: ProcessorEvent, in context: EffectContext
  ) async throws(ProcessorError) -> EffectEnding {
    guard let sender else { return await printed(message, event, context) }
    if let refusal = await place(message, event, context) { return refusal }
    let key = event.idempotencyKey
    switch try await ledger.begin(message, key: key) {
    case .alreadySent(let progress):
      return await end(message, key, TelegramEnd(status: .sent, progress: progress), context)
    case .chatDisabled(let reason):
      let error = "the chat \(message.chat) is disabled: \(reason)"
      return await end(message, key, TelegramEnd(status: .failed, error: error), context)
    case .go(let progress):
      var sending = TelegramSending(message: message, progress: progress, maxTries: maxTries)
      return await run(&sending, sender, event, context)
    }
  }

  // MARK: Sending

  private func run(
    _ sending: inout TelegramSending, _ sender: any TelegramSender, _ event: ProcessorEvent, _ context: EffectContext
  ) async -> EffectEnding {
    let (message, key) = (sending.message, event.idempotencyKey)
    while true {
      let part = sending.part
      let answer = await context.permits.run { await sender.send(part, to: message.chat, silent: message.silent) }
      if case .limited(let retryAfter) = answer {
        let now = context.clock.now()
        limiter.withLock { $0.refused(message.chat, retryAfter: retryAfter, now: now) }
      }
      switch sending.next(after: answer) {
      case .finished(let end): return await self.end(message, key, end, context)
      case .nextPart:
        await context.patiently(logger) { () throws(ProcessorError) in
          try await ledger.advance(key, to: sending.progress)
        }
      case .again(let delay):
        guard await context.pause(delay) else { return .abandoned }
      }
      if let refusal = await place(message, event, context) {
        return await leave(sending, key, refusal, context)
      }
    }
  }

  /// The message is begun and cannot be finished in this attempt: what is known of it is recorded for the next.
  private func leave(
    _ sending: TelegramSending, _ key: String, _ refusal: EffectEnding, _ context: EffectContext
  ) async -> EffectEnding {
    var failure = TaskFailure.unavailable(504, "the deadline passed before the message was sent")
    switch refusal {
    case .abandoned: return .abandoned
    case .settled(.failed(let reason)): failure = reason
    case .settled, .expired: break
    }
    let end = TelegramEnd(
      status: sending.isUncertain ? .uncertain : .failed, progress: sending.progress, error: failure.problem.detail)
    _ = await self.end(sending.message, key, end, context, outcome: .failed(failure))
    return refusal
  }

  /// Waits for the limits.
  ///
  /// - Returns: nil when the message may go out now.
  private func place(
    _ message: TelegramMessage, _ event: ProcessorEvent, _ context: EffectContext
  ) async -> EffectEnding? {
    while true {
      let now = context.clock.now()
      if event.isExpired(at: now) { return .expired }
      guard let wait = limiter.withLock({ $0.take(message.chat, now: now) }) else { return nil }
      if wait > longestWait || event.isExpired(at: now + wait) {
        let detail = "Telegram's limits leave no room for a message to chat \(message.chat) in time"
        return .settled(.failed(.unavailable(429, detail, retryAfter: wait)))
      }
      guard await context.pause(wait) else { return .abandoned }
    }
  }

  private func printed(
    _ message: TelegramMessage, _ event: ProcessorEvent, _ context: EffectContext
  ) async -> EffectEnding {
    let text = message.text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\n  ")
    print("telegram to \(message.chat) (no token: printed): \(text)")
    let outcome = Outcome.completed(["delivered": false, "printed": true])
    return await end(message, event.idempotencyKey, TelegramEnd(status: .printed), context, outcome: outcome)
  }

  // MARK: Recording

  private func end(
    _ message: TelegramMessage, _ key: String, _ end: TelegramEnd, _ context: EffectContext, outcome: Outcome? = nil
  ) async -> EffectEnding {
    let outcome = outcome ?? end.outcome
    if let reason = end.disablesChat {
      logger.warning("telegram chat disabled", metadata: ["chat": "\(message.chat)", "reason": "\(reason)"])
    }
    let isRecorded = await context.patiently(logger) { () throws(ProcessorError) in
      try await ledger.end(message, key: key, end, outcome: outcome)
    }
    return isRecorded ? .settled(outcome) : .abandoned
  }
}
