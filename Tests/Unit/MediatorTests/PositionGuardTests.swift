import Kafka
import Testing

@testable import Mediator

@Suite struct PositionGuardTests {
  private let partition = TopicPartition(topic: "q", partition: 0)

  private func record(_ offset: Int64, _ value: String = "v", partition: Int32 = 0) -> KafkaRecord {
    KafkaRecord(
      topic: "q", partition: partition, offset: offset, timestamp: offset * 10, key: nil, value: Array(value.utf8))
  }

  private func isHalted(_ start: PositionGuard.Start) -> Bool { if case .at = start { false } else { true } }

  // MARK: Where to start

  @Test func withoutAStoredPositionFromTheBeginning() {
    #expect(PositionGuard.start(partition, stored: nil, low: 0, high: 0) == .at(0, verifying: false))
    #expect(PositionGuard.start(partition, stored: nil, low: 7, high: 70) == .at(7, verifying: false))
  }

  /// All of low ≤ high and stored around them.
  @Test func everyPlaceOfAStoredPosition() {
    for low: Int64 in 0...4 {
      for high in low...6 {
        for next: Int64 in 0...8 {
          let stored = Position(next: next, timestamp: 0, checksum: 0)
          let start = PositionGuard.start(partition, stored: stored, low: low, high: high)
          if next > high || next < low {
            #expect(isHalted(start), "\(next) in \(low)...\(high)")
          } else if next == low {
            // The record before it is gone: there is nothing to compare with.
            #expect(start == .at(next, verifying: false))
          } else {
            #expect(start == .at(next - 1, verifying: true))
          }
        }
      }
    }
  }

  @Test func theReasonSaysWhatIsWrong() {
    let stored = Position(next: 10, timestamp: 0, checksum: 0)
    guard case .foreign(let beyond) = PositionGuard.start(partition, stored: stored, low: 0, high: 3),
      case .deleted(let deleted) = PositionGuard.start(partition, stored: stored, low: 12, high: 30)
    else {
      Issue.record("not halted")
      return
    }
    #expect(beyond.contains("q/0") && beyond.contains("10") && beyond.contains("3"))
    #expect(deleted.contains("10 to 11"))
  }

  // MARK: The record before the position

  @Test func withoutAnythingExpectedAllIsAdmitted() {
    var guarded = PositionGuard()
    let admission = guarded.admit([record(3), record(5)])
    #expect(admission.records == [record(3), record(5)])
    #expect(admission.mismatch == nil)
  }

  @Test func theSameRecordIsDroppedAndTheRestAdmitted() {
    var guarded = PositionGuard()
    guarded.expect(partition, Position(after: record(4)))
    let admission = guarded.admit([record(4), record(5), record(6)])
    #expect(admission.records == [record(5), record(6)])
    #expect(admission.mismatch == nil)
    #expect(guarded.expected.isEmpty)
  }

  @Test func alsoWhenItComesAlone() {
    var guarded = PositionGuard()
    guarded.expect(partition, Position(after: record(4)))
    #expect(guarded.admit([record(4)]).records.isEmpty)
    #expect(guarded.admit([record(5)]).records == [record(5)])
  }

  @Test func anotherRecordInItsPlaceIsAMismatch() {
    var otherKey = record(4)
    otherKey.key = [1]
    var otherTime = record(4)
    otherTime.timestamp += 1
    var noValue = record(4)
    noValue.value = nil
    for stranger in [record(4, "w"), otherKey, otherTime, noValue] {
      var guarded = PositionGuard()
      guarded.expect(partition, Position(after: record(4)))
      let admission = guarded.admit([record(9, partition: 1), stranger, record(5)])
      #expect(admission.mismatch?.0 == partition)
      #expect(admission.mismatch?.1.contains("q/0") == true)
    }
  }

  /// Transaction markers and compaction leave gaps.
  @Test func aGapIsNoMismatch() {
    var guarded = PositionGuard()
    guarded.expect(partition, Position(after: record(4)))
    #expect(guarded.admit([record(7)]).records == [record(7)])
    #expect(guarded.expected.isEmpty)
  }

  @Test func whatLiesBelowIsDropped() {
    var guarded = PositionGuard()
    guarded.expect(partition, Position(after: record(4)))
    let admission = guarded.admit([record(2), record(3), record(4), record(5)])
    #expect(admission.records == [record(5)])
    #expect(admission.mismatch == nil)
  }

  @Test func partitionsAreWatchedOneByOne() {
    var guarded = PositionGuard()
    guarded.expect(partition, Position(after: record(4)))
    let admission = guarded.admit([record(1, partition: 1), record(4), record(2, partition: 1), record(5)])
    #expect(admission.records == [record(1, partition: 1), record(2, partition: 1), record(5)])
  }

  @Test func theChecksumKeepsKeyAndValueApart() {
    func checksum(_ key: String?, _ value: String?) -> Int64 {
      Position(
        after: KafkaRecord(
          topic: "q", partition: 0, offset: 0, key: key.map { Array($0.utf8) }, value: value.map { Array($0.utf8) })
      ).checksum
    }
    let sums = [
      checksum("a", "b"), checksum("ab", ""), checksum("ab", nil), checksum("", "ab"), checksum(nil, "ab"),
      checksum(nil, nil), checksum("", ""), checksum(nil, ""),
    ]
    #expect(Set(sums).count == sums.count)
  }
}
