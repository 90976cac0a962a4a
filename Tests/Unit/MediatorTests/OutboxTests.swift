import Kafka
import Synchronization
import Testing
import Values

@testable import Mediator

/// Keeps what it is given, and acknowledges when the test says so.
final class HeldPublisher: RecordPublisher {
  typealias Flight = (records: [OutgoingRecord], completion: @Sendable ([PublishResult]) -> Void)
  private let held = Mutex<[Flight]>([])

  func publish(_ records: [OutgoingRecord], completion: @escaping @Sendable ([PublishResult]) -> Void) {
    held.withLock { $0.append((records, completion)) }
  }

  var count: Int { held.withLock { $0.count } }

  func take(_ index: Int) -> Flight { held.withLock { $0.remove(at: index) } }

  /// Gives every record of a flight this result.
  func complete(_ index: Int = 0, _ result: PublishResult = .published) {
    let flight = take(index)
    flight.completion(flight.records.map { _ in result })
  }
}

@Suite struct OutboxTests {
  private let publisher = HeldPublisher()
  private let outbox = Outbox()

  private func message(_ sequence: Int64, isRequest: Bool = true, bytes: Int = 1) -> Outbox.Message {
    let request = Outbox.Message.Request(id: "r\(sequence)", instance: UUIDValue(high: 0, low: UInt64(sequence)))
    return Outbox.Message(
      sequence: sequence, record: OutgoingRecord(topic: "t", value: Array(repeating: 0, count: bytes)),
      request: isRequest ? request : nil)
  }

  private func publish(_ sequences: [Int64]) { outbox.publish(sequences.map { message($0) }, through: publisher) }

  @Test func emptyMeansEverythingIsPublished() {
    #expect(outbox.mark(head: 17) == 17)
    #expect(outbox.pending == 0)
    outbox.publish([], through: publisher)
    #expect(publisher.count == 0)
  }

  @Test func theMarkWaitsForTheFirst() {
    publish([5])
    publish([6, 8])
    #expect(outbox.mark(head: 9) == 4)
    publisher.complete(1)
    #expect(outbox.mark(head: 9) == 4)
    #expect(outbox.pending == 3)
    publisher.complete(0)
    #expect(outbox.mark(head: 9) == 9)
    #expect(outbox.pending == 0)
  }

  @Test func aRowWithTwoRecordsNeedsBoth() {
    outbox.publish([message(5), message(5), message(6)], through: publisher)
    let flight = publisher.take(0)
    flight.completion([.published, .failed("lost"), .published])
    #expect(outbox.mark(head: 6) == 4)
    #expect(outbox.failure == "lost")
  }

  /// What comes after a failed record must not arrive before it: the shard starts over, and sends all of it again.
  @Test func nothingIsPublishedAfterAFailure() {
    publish([1])
    publisher.complete(0, .failed("lost"))
    publish([2])
    #expect(publisher.count == 0)
    #expect(outbox.mark(head: 2) == 0)
    #expect(outbox.pending == 2)
  }

  @Test func roomIsCountedInRowsAndBytes() {
    #expect(outbox.hasRoom(rows: 1, bytes: 1))
    outbox.publish([message(1, bytes: 100), message(1, bytes: 100)], through: publisher)
    outbox.publish([message(2, bytes: 100)], through: publisher)
    #expect(outbox.hasRoom(rows: 3, bytes: 1000))
    #expect(!outbox.hasRoom(rows: 2, bytes: 1000))
    #expect(!outbox.hasRoom(rows: 3, bytes: 300))
    #expect(outbox.canFly(records: 4, bytes: 1000))
    #expect(!outbox.canFly(records: 3, bytes: 1000))
    #expect(!outbox.canFly(records: 4, bytes: 300))
    // The later row has arrived: its memory is free, but the row stays open behind the first.
    publisher.complete(1)
    #expect(!outbox.hasRoom(rows: 2, bytes: 1000))
    #expect(outbox.hasRoom(rows: 3, bytes: 300))
    #expect(outbox.canFly(records: 3, bytes: 300))
    publisher.complete(0)
    #expect(outbox.hasRoom(rows: 1, bytes: 1))
  }

  /// A refused record waits for a turn of the engine: it must not hold up what that turn waits for.
  @Test func whatWasRefusedFliesNoMore() {
    publish([1, 2])
    publisher.complete(0, .refused("too large"))
    #expect(outbox.pending == 2)
    #expect(outbox.canFly(records: 1, bytes: 1))
    outbox.settle(outbox.takeUndeliverable())
    #expect(outbox.hasRoom(rows: 1, bytes: 1))
  }

  @Test func theFirstFailureIsKept() {
    publish([1])
    publish([2])
    publisher.complete(1, .failed("second"))
    publisher.complete(0, .failed("first"))
    #expect(outbox.failure == "second")
    #expect(outbox.mark(head: 2) == 0)
  }

  @Test func aRefusedRequestStaysOpenUntilItIsSettled() throws {
    publish([1])
    publish([2])
    publisher.complete(0, .refused("too large"))
    publisher.complete(0)
    #expect(outbox.mark(head: 2) == 0)
    #expect(outbox.failure == nil)
    let refused = outbox.takeUndeliverable()
    #expect(refused.map(\.sequence) == [1])
    #expect(refused.map(\.reason) == ["too large"])
    let request = Outbox.Message.Request(id: "r1", instance: UUIDValue(high: 0, low: 1))
    #expect(refused.map(\.subject) == [.request(request)])
    // Told once, and open still: a crash now has to find it again.
    #expect(outbox.takeUndeliverable().isEmpty)
    #expect(outbox.mark(head: 2) == 0)
    outbox.settle(refused)
    #expect(outbox.mark(head: 2) == 2)
  }

  @Test func aRefusedDeadLetterIsDone() {
    outbox.publish([message(1, isRequest: false)], through: publisher)
    publisher.complete(0, .refused("too large"))
    #expect(outbox.takeUndeliverable().isEmpty)
    #expect(outbox.mark(head: 1) == 1)
  }

  private func emitted(_ sequence: Int64) -> Outbox.Message {
    let record = OutgoingRecord(topic: "orders", key: [1], value: [2, 3])
    return Outbox.Message(sequence: sequence, record: record, request: nil, isEvent: true)
  }

  @Test(arguments: [PublishResult.refused("no"), .forbidden("no")])
  func aRefusedEventStaysOpenUntilItIsADeadLetter(_ result: PublishResult) {
    outbox.publish([emitted(1)], through: publisher)
    publisher.complete(0, result)
    #expect(outbox.failure == nil)
    #expect(outbox.mark(head: 1) == 0)
    let refused = outbox.takeUndeliverable()
    #expect(refused == [.init(sequence: 1, subject: .event(emitted(1).record), reason: "no")])
    outbox.settle(refused)
    #expect(outbox.mark(head: 1) == 1)
  }

  /// Without the right to write to them the mediator would lose replies in silence.
  @Test func theMediatorsOwnTopicsHaveToBeOpen() {
    outbox.publish([message(1, isRequest: false)], through: publisher)
    publisher.complete(0, .forbidden("no"))
    #expect(outbox.failure == "no")
    #expect(outbox.takeUndeliverable().isEmpty)
    #expect(outbox.mark(head: 1) == 0)
  }

  @Test func whatTheBrokerSaysOfARecord() {
    func result(_ code: KafkaError.Code, _ name: String) -> PublishResult {
      PublishResult(.failure(KafkaError(code: code, name: name, message: "m")))
    }
    #expect(PublishResult(.success(5)) == .published)
    #expect(result(.messageTooLarge, "MSG_SIZE_TOO_LARGE") == .refused("m"))
    #expect(result(.authorization, "TOPIC_AUTHORIZATION_FAILED") == .forbidden("m"))
    #expect(result(.authorization, "CLUSTER_AUTHORIZATION_FAILED") == .failed("m"))
    #expect(result(.unknownTopic, "_UNKNOWN_TOPIC") == .forbidden("m"))
    #expect(result(.unavailable, "_TRANSPORT") == .failed("m"))
  }

  /// Rows in flights of random size, acknowledged in random order: at every moment the mark is right below the first
  /// row that is not wholly acknowledged, and it never goes back.
  @Test(arguments: 0..<200) func theMarkCoversTheContiguousPrefixOnly(_ seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    var sequence: Int64 = 0
    var head: Int64 = 0
    /// Records that are out, per row.
    var open: [Int64: Int] = [:]
    var rows: [[Int64]] = []
    var lastMark: Int64 = 0
    for _ in 0..<200 {
      if Bool.random(using: &random) {
        var flight: [Int64] = []
        for _ in 0..<Int.random(in: 1...5, using: &random) {
          // Rows without anything to publish leave gaps.
          sequence += Int64.random(in: 1...3, using: &random)
          flight += Array(repeating: sequence, count: Int.random(in: 1...3, using: &random))
        }
        for row in flight { open[row, default: 0] += 1 }
        rows.append(flight)
        head = sequence
        publish(flight)
      } else if !rows.isEmpty {
        let index = Int.random(in: 0..<rows.count, using: &random)
        publisher.complete(index)
        for row in rows.remove(at: index) { open[row]! -= 1 }
      }
      open = open.filter { $0.value > 0 }
      let mark = outbox.mark(head: head)
      #expect(mark == open.keys.min().map { $0 - 1 } ?? head)
      #expect(mark >= lastMark)
      lastMark = mark
    }
    while publisher.count > 0 { publisher.complete(publisher.count - 1) }
    #expect(outbox.mark(head: head) == head)
    #expect(outbox.pending == 0)
  }
}
