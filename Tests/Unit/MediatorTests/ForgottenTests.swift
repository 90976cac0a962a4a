import Testing
import Values

@testable import Engine
@testable import Mediator

@Suite struct ForgottenTests {
  private let now = Timestamp(microseconds: 1_767_323_045_000_000)
  private let id = UUIDValue(high: 1, low: 1)
  private let child = UUIDValue(high: 1, low: 2)

  private func facts(_ status: InstanceStatus, _ phases: Activity.Phase...) -> UnattendedFacts {
    var state = InstanceState(id: id, input: .null, startedAt: now)
    state.status = status
    state.activities = [
      Activity(id: 0, parent: nil, reference: "/", startedAt: now, input: .null, phase: .sequence(position: 0))
    ]
    for (place, phase) in phases.enumerated() {
      state.activities.append(
        Activity(id: place + 1, parent: 0, reference: "/do/\(place)/t", startedAt: now, input: .null, phase: phase))
    }
    return UnattendedFacts(id: id, state: state)
  }

  private let listening = Activity.Phase.listening(ListenProgress(matched: [false], expected: [[:]]))

  @Test func leavesAloneWhatMayStand() {
    #expect(Forgotten(facts(.suspended, .waiting(until: now))) == nil)
    #expect(Forgotten(facts(.completed)) == nil)
    var behind = facts(.pending)
    behind.isBehind = true
    #expect(Forgotten(behind) == nil)
    var listens = facts(.waiting, listening)
    listens.waits = [1]
    #expect(Forgotten(listens) == nil)
    var parent = facts(.running, .child(child))
    parent.children[child] = .running
    #expect(Forgotten(parent) == nil)
    parent.children[child] = .suspended
    #expect(Forgotten(parent) == nil)
  }

  @Test func findsWhatNothingWouldWake() {
    #expect(Forgotten(facts(.pending))?.kind == .turnLost)
    #expect(Forgotten(facts(.running, .waiting(until: now)))?.kind == .timerLost)
    #expect(Forgotten(facts(.waiting, listening))?.kind == .waitLost)
    #expect(Forgotten(facts(.running, .child(child)))?.kind == .childMissing)
    var parent = facts(.running, .child(child))
    parent.children[child] = .faulted
    #expect(Forgotten(parent)?.kind == .childEnded)
    #expect(Forgotten(facts(.running))?.kind == .nothingAwaited)
    #expect(Forgotten(facts(.running, .sequence(position: 2)))?.kind == .nothingAwaited)
  }

  @Test func oneLostListenerAmongOthersIsEnough() {
    var facts = facts(.waiting, listening, listening)
    facts.waits = [1]
    #expect(Forgotten(facts)?.kind == .waitLost)
  }

  @Test func mendsByWakingOnlyWhatThatMends() {
    let mended = Forgotten.Kind.allCases.filter { Forgotten(instance: id, kind: $0).isMendedByWaking }
    #expect(mended == [.timerLost, .turnLost])
  }
}
