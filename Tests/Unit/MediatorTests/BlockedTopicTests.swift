import Kafka
import Synchronization
import Testing
import Values
import Wire

@testable import Mediator

/// Topics that cannot be written hold up what is for them, and nothing else.
@Suite struct BlockedTopicTests {
  private let publisher = HeldPublisher()
  private let outbox = Outbox()

  private func message(_ sequence: Int64, to topic: String) -> Outbox.Message {
    Outbox.Message(
      sequence: sequence, record: OutgoingRecord(topic: topic, value: [UInt8(sequence)]),
      request: Outbox.Message.Request(id: "r\(sequence)", instance: UUIDValue(high: 0, low: UInt64(sequence))))
  }

  private func publish(_ messages: (Int64, String)...) {
    outbox.publish(messages.map { message($0.0, to: $0.1) }, through: publisher)
  }

  private func tend(after seconds: Int, patience: Int = 30) {
    outbox.tend(
      at: start + .seconds(seconds), patience: .seconds(patience), probeInterval: .seconds(2), through: publisher)
  }

  private func values(_ index: Int) -> [UInt8] { publisher.take(index).records.compactMap { $0.value?.first } }

  @Test func othersDoNotWait() {
    publish((1, "shut"))
    publisher.complete(0, .forbidden("no"))
    #expect(outbox.hasBlockedTopics)
    #expect(outbox.failure == nil)
    publish((2, "open"), (3, "shut"), (4, "open"))
    #expect(publisher.count == 1)
    #expect(values(0) == [2, 4])
    // The mark waits: a new owner has to find what is not published.
    #expect(outbox.mark(head: 4) == 0)
  }

  @Test func theFirstIsTriedAndTheOthersFollowInOrder() {
    publish((1, "shut"), (2, "shut"))
    publisher.complete(0, .forbidden("no"))
    publish((3, "shut"))
    tend(after: 0)
    #expect(publisher.count == 0)
    tend(after: 2)
    #expect(publisher.take(0).records.map(\.value) == [[1]])
    tend(after: 4)
    #expect(publisher.count == 0, "one probe at a time")
  }

  @Test func whatWaitedGoesOutOnceTheTopicTakesSomething() {
    publish((1, "shut"), (2, "shut"))
    publisher.complete(0, .forbidden("no"))
    publish((3, "shut"))
    tend(after: 0)
    tend(after: 2)
    publisher.complete(0, .forbidden("still no"))
    tend(after: 3)
    tend(after: 5)
    publisher.complete(0, .published)
    #expect(outbox.mark(head: 3) == 1)
    tend(after: 6)
    publish((4, "shut"))
    #expect(publisher.count == 2)
    #expect(values(0) == [2, 3])
    #expect(values(0) == [4])
    #expect(!outbox.hasBlockedTopics)
  }

  @Test func patienceEnds() {
    publish((1, "shut"), (2, "shut"))
    publisher.complete(0, .forbidden("no"))
    tend(after: 0)
    tend(after: 29)
    publisher.complete(0, .forbidden("no"))
    #expect(outbox.takeUndeliverable().isEmpty)
    tend(after: 30)
    let given = outbox.takeUndeliverable()
    #expect(given.map(\.sequence) == [1, 2])
    #expect(given.first?.reason == "the topic shut cannot be written: no")
    outbox.settle(given)
    #expect(outbox.mark(head: 2) == 2)
    // From now on at once, until the topic takes something.
    publish((3, "shut"))
    publisher.complete(0, .forbidden("no"))
    #expect(outbox.takeUndeliverable().map(\.sequence) == [3])
    publish((4, "shut"))
    publisher.complete(0, .published)
    tend(after: 31)
    publish((5, "shut"))
    publisher.complete(0, .forbidden("no"))
    #expect(outbox.takeUndeliverable().isEmpty)
  }

  @Test(arguments: [PublishResult.refused("no"), .forbidden("no")])
  func aDeadLetterThatItsTopicDoesNotTakeStopsNothing(_ result: PublishResult) {
    let letter = Outbox.Message(
      sequence: 1, record: OutgoingRecord(topic: Topics.deadLetters), request: nil, isLetter: true)
    outbox.publish([letter], through: publisher)
    publisher.complete(0, result)
    #expect(outbox.failure == nil)
    let left = outbox.takeUndeliverable()
    #expect(left == [.init(sequence: 1, subject: .letter, reason: "no")])
    outbox.settle(left)
    #expect(outbox.mark(head: 1) == 1)
  }
}
