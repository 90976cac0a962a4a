import Kafka
import Testing

@testable import Processors

struct OffsetWindowTests {
  private let partition = TopicPartition(topic: "mediator.channel.test", partition: 0)

  private func window(_ offsets: Int64...) -> OffsetWindow {
    var window = OffsetWindow()
    for offset in offsets { window.open(place(offset)) }
    return window
  }

  @Test func onlyTheContiguousPrefixMayBeCommitted() {
    var window = window(10, 11, 12)
    #expect(window.committable() == [:])
    window.release(place(11))
    #expect(window.committable() == [:])
    #expect(window.openCount == 3)
    window.release(place(10))
    #expect(window.committable() == [partition: 12])
    #expect(window.openCount == 1)
    window.release(place(12))
    #expect(window.committable() == [partition: 13])
    #expect(window.openCount == 0)
  }

  @Test func gapsBetweenOffsetsAreLegal() {
    var window = window(3, 7, 20)
    for offset in [3, 7, 20] as [Int64] { window.release(place(offset)) }
    #expect(window.committable() == [partition: 21])
  }

  @Test func aRecordIsDoneWithWhenAllThatItGaveRiseToIs() {
    var window = window(5)
    window.hold(place(5), 1)
    window.release(place(5))
    #expect(window.committable() == [:])
    window.release(place(5))
    #expect(window.committable() == [partition: 6])
  }

  @Test func releasingMoreThanWasHeldDoesNotCountTwice() {
    var window = window(5, 6)
    window.release(place(5))
    window.release(place(5))
    #expect(window.openCount == 1)
    #expect(window.committable() == [partition: 6])
  }

  @Test func nothingBeyondAnAbandonedRecordIsCommitted() {
    var window = window(1, 2, 3)
    window.abandon(place(2))
    window.release(place(1))
    window.release(place(3))
    #expect(window.committable() == [partition: 2])
    #expect(window.isSettled([partition]))
  }

  @Test func anAbandonedRecordStaysSo() {
    var window = window(1)
    window.abandon(place(1))
    window.abandon(place(1))
    window.release(place(1))
    #expect(window.committable() == [:])
    #expect(window.isSettled([partition]))
  }

  @Test func partitionsDoNotWaitForEachOther() {
    var window = OffsetWindow()
    window.open(place(1, partition: 0))
    window.open(place(1, partition: 1))
    window.release(place(1, partition: 1))
    let other = TopicPartition(topic: "mediator.channel.test", partition: 1)
    #expect(window.committable() == [other: 2])
    #expect(window.isSettled([other]))
    #expect(!window.isSettled([partition, other]))
  }

  @Test func whatIsCommittedIsNotOfferedAgain() {
    var window = window(1, 2)
    window.release(place(1))
    window.markCommitted(window.committable())
    #expect(window.committable() == [:])
    window.release(place(2))
    #expect(window.committable() == [partition: 3])
  }

  @Test func aForgottenPartitionKnowsNothingMore() {
    var window = window(1, 2)
    window.release(place(1))
    window.forget([partition])
    #expect(window.openCount == 0)
    #expect(window.committable() == [:])
    window.release(place(2))
    #expect(window.committable() == [:])
  }

  @Test func readingFromAnEarlierPlaceStartsOver() {
    var window = window(10, 11)
    window.release(place(10))
    window.open(place(5))
    #expect(window.openCount == 1)
    #expect(window.committable() == [:])
    window.release(place(11))
    window.release(place(5))
    #expect(window.committable() == [partition: 6])
  }

  @Test func manyRecordsInAnyOrder() {
    var generator = SystemRandomNumberGenerator()
    var window = OffsetWindow()
    let offsets = Array(Int64(0)..<10_000)
    for offset in offsets { window.open(place(offset)) }
    var done: Set<Int64> = []
    for (count, offset) in offsets.shuffled(using: &generator).enumerated() {
      window.release(place(offset))
      done.insert(offset)
      guard count % 997 == 0 else { continue }
      let prefix = offsets.firstIndex { !done.contains($0) } ?? offsets.count
      #expect(window.committable() == (prefix == 0 ? [:] : [partition: Int64(prefix)]))
      #expect(window.openCount == offsets.count - prefix)
    }
    #expect(window.committable() == [partition: 10_000])
  }
}
