import Testing
import Values

@testable import Processors

struct TelegramLimiterTests {
  /// Sends as fast as the limiter lets for a while, and returns when each message went out, in seconds.
  private func run(_ chats: [String], seconds: Double, limits: TelegramLimits = TelegramLimits()) -> [String: [Double]]
  {
    var limiter = TelegramLimiter(limits, now: noon)
    var now = noon
    let end = noon + .seconds(seconds)
    var times: [String: [Double]] = [:]
    while now < end {
      var shortest = Duration.seconds(3600)
      for chat in chats {
        while true {
          guard let wait = limiter.take(chat, now: now) else {
            times[chat, default: []].append((now - noon) / .seconds(1))
            continue
          }
          #expect(wait > .zero)
          shortest = min(shortest, wait)
          break
        }
      }
      now = now + shortest
    }
    return times
  }

  /// The most within any window of this length.
  private func most(_ times: [Double], within window: Double) -> Int {
    let times = times.sorted()
    return times.indices.map { start in times[start...].count { $0 < times[start] + window } }.max() ?? 0
  }

  @Test func oneChatGetsOneASecond() throws {
    let times = try #require(run(["42"], seconds: 60)["42"])
    #expect(times.count >= 55)
    #expect(most(times, within: 1) == 1)
  }

  @Test func aGroupGetsTwentyAMinute() throws {
    let times = try #require(run(["-100"], seconds: 600)["-100"])
    #expect(times.count >= 140)
    #expect(most(times, within: 60) <= 20)
    #expect(run(["@news"], seconds: 120)["@news"].map { most($0, within: 60) <= 20 } == true)
  }

  @Test func allTogetherGetThirtyASecond() {
    let times = run((1...200).map(String.init), seconds: 20)
    let all = times.values.flatMap { $0 }
    #expect(all.count >= 450)
    #expect(most(all, within: 1) <= 30)
  }

  @Test func aRefusedChatPausesAlone() {
    var limiter = TelegramLimiter(TelegramLimits(), now: noon)
    limiter.refused("1", retryAfter: .seconds(30), now: noon)
    #expect(limiter.take("1", now: noon) == .seconds(30))
    #expect(limiter.take("2", now: noon) == nil)
    #expect(limiter.take("1", now: noon + .seconds(30)) == nil)
  }

  @Test func aSecondRefusedChatPausesAll() {
    var limiter = TelegramLimiter(TelegramLimits(), now: noon)
    limiter.refused("1", retryAfter: .seconds(30), now: noon)
    limiter.refused("2", retryAfter: .seconds(20), now: noon + .seconds(5))
    #expect(limiter.take("3", now: noon + .seconds(5)) == .seconds(20))
    #expect(limiter.take("3", now: noon + .seconds(25)) == nil)
  }

  @Test func twoRefusalsFarApartPauseNobodyElse() {
    var limiter = TelegramLimiter(TelegramLimits(), now: noon)
    limiter.refused("1", retryAfter: .seconds(1), now: noon)
    limiter.refused("2", retryAfter: .seconds(20), now: noon + .seconds(5))
    #expect(limiter.take("3", now: noon + .seconds(5)) == nil)
  }

  @Test func aClockSetBackStopsNothing() {
    var limiter = TelegramLimiter(TelegramLimits(), now: noon)
    #expect(limiter.take("1", now: noon) == nil)
    let earlier = noon - .seconds(3600)
    let wait = limiter.take("1", now: earlier)
    #expect(wait.map { $0 <= .seconds(2) } == true)
    #expect(limiter.take("1", now: earlier + .seconds(2)) == nil)
  }

  @Test func chatsAtRestAreForgotten() {
    var limiter = TelegramLimiter(TelegramLimits(), now: noon)
    for number in 0..<5000 { _ = limiter.take(String(number), now: noon + .seconds(number)) }
    #expect(limiter.chatCount <= 1001)
  }
}
