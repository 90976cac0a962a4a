import Kafka
import Testing

@testable import Mediator

@Suite struct ChannelWatchTests {
  private func facts(
    _ high: Int64, committed: Int64? = nil, members: Int = 0, group: String = "mediator.processor.bank"
  ) -> ChannelFacts {
    let consumers =
      committed.map { [ChannelFacts.Consumer(group: group, members: members, committed: [0: $0])] } ?? []
    return ChannelFacts(channel: "bank", partitions: [0: .init(low: 0, high: high)], consumers: consumers)
  }

  @Test func seesAChannelThatNobodyHasEverConsumed() {
    var watch = ChannelWatch()
    #expect(watch.observe([facts(0)]) == [])
    #expect(watch.observe([facts(2)]) == [.init(channel: "bank", state: .neverConsumed, unread: 2)])
    #expect(watch.observe([facts(3)]) == [])
    #expect(watch.unserved.map(\.channel) == ["bank"])
    #expect(watch.observe([facts(3, committed: 0, members: 1)]) == [.init(channel: "bank", state: .served, unread: 3)])
    #expect(watch.unserved.isEmpty)
  }

  @Test func seesThatAGroupHasGoneAtTheSecondLook() {
    var watch = ChannelWatch()
    let gone = ChannelWatch.State.stopped(group: "mediator.processor.bank")
    #expect(watch.observe([facts(9, committed: 4)]) == [])
    #expect(watch.observe([facts(9, committed: 4)]) == [.init(channel: "bank", state: gone, unread: 5)])
    #expect(watch.observe([facts(12, committed: 4)]) == [])
    #expect(watch.observe([facts(12, committed: 5)]) == [.init(channel: "bank", state: .served, unread: 7)])
  }

  @Test func takesOneThatReadsWithoutJoiningByItsPosition() {
    var watch = ChannelWatch()
    for position in 0..<5 { #expect(watch.observe([facts(9, committed: Int64(position), group: "own")]) == []) }
    #expect(watch.observe([facts(9, committed: 9, group: "own")]) == [])
    #expect(watch.observe([facts(9, committed: 9, group: "own")]) == [])
  }

  @Test func forgetsChannelsThatAreNoMore() {
    var watch = ChannelWatch()
    _ = watch.observe([facts(2)])
    #expect(watch.observe([]) == [])
    #expect(watch.unserved.isEmpty)
    #expect(watch.observe([facts(2)]).count == 1)
  }

  @Test func putsTheGroupFirstThatMatters() {
    let facts = ChannelFacts(
      channel: "bank", partitions: [0: .init(low: 3, high: 9), 1: .init(low: 0, high: 2)],
      consumers: [
        .init(group: "audit", members: 0, committed: [0: 9]),
        .init(group: "mediator.processor.bank", members: 0, committed: [0: 1]),
        .init(group: "own", members: 2, committed: [0: 5, 1: 2]),
      ])
    #expect(facts.consumers.map(\.group) == ["own", "mediator.processor.bank", "audit"])
    #expect((facts.lag(0), facts.lag(1), facts.lag) == (4, 0, 4))
    #expect(facts.worstPartition == 0)
  }

  @Test func doesNotCountWhatWasDeletedBeforeItWasRead() {
    let facts = facts(9, committed: 1)
    #expect(facts.lag == 8)
    let cut = ChannelFacts(
      channel: "bank", partitions: [0: .init(low: 6, high: 9)],
      consumers: [.init(group: "g", members: 1, committed: [0: 1])])
    #expect((cut.position(0), cut.lag) == (6, 3))
  }
}
