/// How often a bot may send (Bot API, "Broadcasting to Users" in the bots FAQ), to be scaled by tests.
public struct TelegramLimits: Sendable {
  /// In one chat: one message per interval in the long run, this many at once after a rest.
  public var chatInterval: Duration = .seconds(1)
  public var chatBurst = 3
  /// In one group (negative chat id).
  public var groupMessages = 20
  public var groupWindow: Duration = .seconds(60)
  /// In all chats together.
  public var overallMessages = 30
  public var overallWindow: Duration = .seconds(1)
  /// Of a message's text after its entities are taken out, in UTF-16 units.
  public var textUnits = 4096

  public init() {}

  /// Nothing is ever too fast.
  public static let none: TelegramLimits = {
    var limits = TelegramLimits()
    limits.chatInterval = .zero
    limits.groupWindow = .zero
    limits.overallWindow = .zero
    return limits
  }()
}

/// Decides which messages come too fast. Pure: the time is passed in, from any start.
struct TelegramFlood {
  private let limits: TelegramLimits
  /// Times of accepted messages, oldest first.
  private var overall: [Duration] = []
  private var chats: [Int64: [Duration]] = [:]
  /// Until then everything is refused: the server stays with what it said. Nil stands for all chats.
  private var blockedUntil: [Int64?: Duration] = [:]

  init(_ limits: TelegramLimits) { self.limits = limits }

  /// - Returns: nil if the message passes and counts, else the seconds to wait.
  mutating func retryAfter(chat: Int64, at now: Duration) -> Int? {
    if let until = [blockedUntil[nil], blockedUntil[chat]].compactMap({ $0 }).max(), now < until {
      return wholeSeconds(until - now)
    }
    overall.removeAll { now - $0 >= limits.overallWindow }
    chats[chat, default: []].removeAll { now - $0 >= max(limits.groupWindow, limits.chatInterval * limits.chatBurst) }
    let ofChat = max(chatWait(chat, now), groupWait(chat, now))
    let ofAll = overallWait(now)
    let wait = max(ofChat, ofAll)
    guard wait > .zero else {
      overall.append(now)
      chats[chat, default: []].append(now)
      return nil
    }
    let seconds = wholeSeconds(wait)
    blockedUntil[ofAll == wait ? nil : chat] = now + .seconds(seconds)
    return seconds
  }

  private func overallWait(_ now: Duration) -> Duration {
    guard overall.count >= limits.overallMessages else { return .zero }
    return overall[overall.count - limits.overallMessages] + limits.overallWindow - now
  }

  private func groupWait(_ chat: Int64, _ now: Duration) -> Duration {
    guard chat < 0, let times = chats[chat], times.count >= limits.groupMessages else { return .zero }
    return times[times.count - limits.groupMessages] + limits.groupWindow - now
  }

  /// Of the last `chatBurst` messages, the first must be so many intervals ago.
  private func chatWait(_ chat: Int64, _ now: Duration) -> Duration {
    guard let times = chats[chat], times.count >= limits.chatBurst else { return .zero }
    return times[times.count - limits.chatBurst] + limits.chatInterval * limits.chatBurst - now
  }

  private func wholeSeconds(_ duration: Duration) -> Int { max(1, Int((duration / .seconds(1)).rounded(.up))) }
}
