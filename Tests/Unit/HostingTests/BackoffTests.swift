import Hosting
import Testing

@Suite struct BackoffTests {
  @Test func theCeilingDoublesUpToTheCap() {
    var backoff = Backoff(base: .milliseconds(100), cap: .seconds(1))
    let ceilings = (0..<6).map { _ in backoff.next(random: 1) }
    #expect(ceilings == [100, 200, 400, 800, 1000, 1000].map { .milliseconds($0) })
    backoff.reset()
    #expect(backoff.next(random: 0.5) == .milliseconds(50))
  }

  @Test func jitterGoesDownToNothing() {
    var backoff = Backoff()
    #expect(backoff.next(random: 0) == .zero)
    #expect(backoff.next(random: 0.25) == .milliseconds(50))
  }

  @Test func aThousandAttemptsDoNotOverflow() {
    var backoff = Backoff(base: .seconds(1), cap: .seconds(30))
    for _ in 0..<1000 { _ = backoff.next(random: 1) }
    #expect(backoff.next(random: 1) == .seconds(30))
    #expect(backoff.attempts == 1001)
  }
}
