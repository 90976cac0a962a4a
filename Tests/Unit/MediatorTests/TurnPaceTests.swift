import Testing
import Values

@testable import Mediator

@Suite struct TurnPaceTests {
  /// A machine on which a piece of work takes this long: turns come to fit, and grow again when it gets faster.
  @Test func turnsComeToTakeAboutTheirTime() {
    var pace = TurnPace(target: .milliseconds(150))
    #expect(pace.limit(500) == 500)
    func turn(_ piece: Duration) -> Duration {
      let time = piece * pace.limit(500)
      pace.turned(in: time)
      return time
    }
    for _ in 0..<10 { _ = turn(.milliseconds(2)) }
    #expect(turn(.milliseconds(2)) <= .milliseconds(190))
    #expect(pace.limit(500) >= 37)
    for _ in 0..<30 { _ = turn(.microseconds(20)) }
    #expect(pace.limit(500) == 500)
  }

  @Test func timersLeaveRoomForReplies() {
    var pace = TurnPace(target: .milliseconds(150))
    // An owner begins with few.
    #expect(pace.limit(500, after: 0) == 50)
    for _ in 0..<6 { pace.turned(in: .milliseconds(10)) }
    #expect([0, 100, 375, 376, 500].map { pace.limit(500, after: $0) } == [500, 400, 125, 125, 125])
    #expect(pace.limit(1, after: 500) == 1)
  }

  @Test func thereIsAlwaysSomethingInATurn() {
    var pace = TurnPace(target: .milliseconds(150))
    for _ in 0..<100 { pace.turned(in: .seconds(60)) }
    #expect(pace.limit(500) == 16)
    #expect(pace.limit(2) == 2)
    // A clock that was set back is no fast turn for long.
    pace.turned(in: .seconds(-5))
    #expect(pace.limit(500) <= 20)
  }
}
