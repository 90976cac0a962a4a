import Testing
import Values
import Wire

@testable import Processors

struct BatchPlanTests {
  private func plan(_ events: [ProcessorEvent], now: Timestamp = noon) -> BatchPlan<String> {
    BatchPlan(events, now: now) { .work($0.idempotencyKey) }
  }

  @Test func eachKeyIsActedOnOnce() {
    let plan = plan([event("a", offset: 0), event("b", offset: 1), event("a", offset: 2, attempt: 2)])
    #expect(plan.items.map(\.idempotencyKey) == ["a", "b"])
    let results = plan.results([
      Settlement(.completed("A"), wasKnown: false), Settlement(.completed("B"), wasKnown: false),
    ])
    #expect(results.map(\.event.place.offset) == [0, 2, 1])
    #expect(
      results.map(\.ending) == [
        .settled(.completed("A"), isRepeat: false), .settled(.completed("A"), isRepeat: true),
        .settled(.completed("B"), isRepeat: false),
      ])
  }

  @Test func whatTheInboxKnewIsARepeat() {
    let results = plan([event("a")]).results([Settlement(.completed(1), wasKnown: true)])
    #expect(results.map(\.ending) == [.settled(.completed(1), isRepeat: true)])
  }

  @Test func pastItsDeadlineAnEventIsNotActedOn() {
    let plan = plan([event("late", deadline: noon), event("early", deadline: noon + .microseconds(1)), event("free")])
    #expect(plan.items.map(\.idempotencyKey) == ["early", "free"])
    #expect(plan.expired.map(\.idempotencyKey) == ["late"])
  }

  @Test func anExpiredAttemptDoesNotStandInTheWayOfALaterOne() {
    let plan = plan([event("a", deadline: noon), event("a", deadline: noon + .seconds(1), attempt: 2)])
    #expect(plan.items.count == 1)
    #expect(plan.events.map { $0.map(\.attempt) } == [[2]])
  }
}
