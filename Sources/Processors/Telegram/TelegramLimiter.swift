import Values

/// How fast messages may go out (Bot FAQ, "My bot is hitting limits"): about 30 a second in all, one a second to one
/// chat, 20 a minute to one group.
///
/// The defaults leave the burst within the documented number: no second has more than 30 messages, no group more than 20
/// in a minute, wherever the minute begins.
public struct TelegramLimits: Sendable, Hashable {
  public struct Rate: Sendable, Hashable {
    /// Messages a second.
    public var rate: Double
    /// As many may go out at once after a quiet time.
    public var burst: Double

    public init(rate: Double, burst: Double) {
      self.rate = rate
      self.burst = burst
    }
  }

  public var all = Rate(rate: 25, burst: 5)
  public var chat = Rate(rate: 1, burst: 1)
  public var group = Rate(rate: 15.0 / 60, burst: 5)

  public init() {}
}

/// Decides when the next message to a chat may go out. Pure: time comes from outside.
struct TelegramLimiter: Sendable {
  private struct Bucket: Sendable {
    let rate: TelegramLimits.Rate
    var tokens: Double
    var updated: Timestamp

    init(_ rate: TelegramLimits.Rate, at now: Timestamp) {
      self.rate = rate
      tokens = rate.burst
      updated = now
    }

    mutating func refill(at now: Timestamp) {
      // A clock that was set back gives nothing, and takes nothing.
      let elapsed = max(.zero, now - updated) / .seconds(1)
      tokens = min(rate.burst, tokens + elapsed * rate.rate)
      updated = now
    }

    /// How long until there is a token.
    var wait: Duration { tokens >= 1 ? .zero : .seconds((1 - tokens) / rate.rate) + .milliseconds(1) }
    var isFull: Bool { tokens >= rate.burst }
  }

  private struct Chat: Sendable {
    var buckets: [Bucket]
    var pausedUntil: Timestamp?
  }

  private let limits: TelegramLimits
  private var all: Bucket
  private var chats: [String: Chat] = [:]
  private var pausedUntil: Timestamp?
  /// Above this many known chats those at rest are forgotten.
  private static let chatsKept = 1000

  init(_ limits: TelegramLimits, now: Timestamp) {
    self.limits = limits
    all = Bucket(limits.all, at: now)
  }

  var chatCount: Int { chats.count }

  /// Takes a place for one message to the chat.
  ///
  /// - Returns: nil if it may go out now, else how long to wait before asking again.
  mutating func take(_ chat: String, now: Timestamp) -> Duration? {
    var entry = chats[chat] ?? newChat(chat, now)
    all.refill(at: now)
    for index in entry.buckets.indices { entry.buckets[index].refill(at: now) }
    var wait = max(all.wait, entry.buckets.map(\.wait).max() ?? .zero)
    for pause in [pausedUntil, entry.pausedUntil] {
      if let pause { wait = max(wait, pause - now) }
    }
    if wait <= .zero {
      all.tokens -= 1
      for index in entry.buckets.indices { entry.buckets[index].tokens -= 1 }
    }
    chats[chat] = entry
    return wait <= .zero ? nil : wait
  }

  /// Telegram answered 429. It does not say whether it means the chat or the bot: a second chat that is refused while
  /// another one is paused says that it means the bot.
  mutating func refused(_ chat: String, retryAfter: Duration, now: Timestamp) {
    let until = now + retryAfter
    let isAnotherPaused = chats.contains { $0.key != chat && ($0.value.pausedUntil ?? now) > now }
    var entry = chats[chat] ?? newChat(chat, now)
    entry.pausedUntil = max(until, entry.pausedUntil ?? until)
    chats[chat] = entry
    if isAnotherPaused { pausedUntil = max(until, pausedUntil ?? until) }
  }

  private mutating func newChat(_ chat: String, _ now: Timestamp) -> Chat {
    if chats.count >= Self.chatsKept {
      chats = chats.filter { entry in
        var buckets = entry.value.buckets
        for index in buckets.indices { buckets[index].refill(at: now) }
        return !buckets.allSatisfy(\.isFull) || (entry.value.pausedUntil ?? now) > now
      }
    }
    // Groups and channels have negative ids, or names.
    let isGroup = chat.hasPrefix("-") || chat.hasPrefix("@")
    let rates = isGroup ? [limits.chat, limits.group] : [limits.chat]
    return Chat(buckets: rates.map { Bucket($0, at: now) })
  }
}
