import Values

/// What is kept of messages, so that what happened is known after a crash.
protocol TelegramLedger: Inbox {
  /// Records the intent to send now.
  func begin(_ message: TelegramMessage, key: String) async throws(ProcessorError) -> TelegramBeginning
  /// A part of a long text has been sent.
  func advance(_ key: String, to progress: TelegramProgress) async throws(ProcessorError)
  /// Records how it ended, the outcome for the inbox if it is final, and a chat that takes no more messages, at once.
  func end(
    _ message: TelegramMessage, key: String, _ end: TelegramEnd, outcome: Outcome
  ) async throws(ProcessorError)
}

struct TelegramProgress: Sendable, Hashable {
  var partsSent = 0
  var messageIDs: [Int64] = []
  /// A part may have arrived more than once.
  var possibleRepeat = false
}

enum TelegramBeginning: Sendable, Hashable {
  case go(TelegramProgress)
  /// It was sent before, although the inbox has forgotten.
  case alreadySent(TelegramProgress)
  /// Nothing is sent to this chat.
  case chatDisabled(reason: String)
}

struct TelegramEnd: Sendable, Hashable {
  enum Status: String, Sendable, Hashable { case sent, failed, uncertain, printed }

  var status: Status
  var progress = TelegramProgress()
  var error: String?
  /// Another attempt may succeed, after this long.
  var retryAfter: Duration?
  /// The status of a failure that no other attempt will mend.
  var rejection: Int?
  /// Why nothing is to be sent to the chat from now on.
  var disablesChat: String?
}
