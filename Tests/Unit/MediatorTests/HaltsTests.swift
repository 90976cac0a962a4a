import Kafka
import Logging
import Testing

@testable import Mediator

@Suite struct HaltsTests {
  private let halts = Halts(logger: Logger(label: "t") { _ in SwiftLogNoOpLogHandler() })
  private let queue = TopicPartition(topic: "q", partition: 0)
  private let replies = TopicPartition(topic: "r", partition: 1)

  @Test func endWithADecisionThatCameLater() {
    halts.add(queue, "created anew", after: 0)
    halts.add(replies, "lost its tail", after: 3)
    halts.lift([replies: 3])
    #expect(halts.all == [queue: "created anew", replies: "lost its tail"])
    halts.lift([queue: 4, replies: 3])
    #expect(halts.all == [replies: "lost its tail"])
    halts.lift([replies: 5])
    #expect(halts.all.isEmpty)
  }

  @Test func theNewestKnowledgeCounts() {
    halts.add(queue, "created anew", after: 2)
    // Of an owner that read its position before the decision.
    halts.add(queue, "an old finding", after: 1)
    #expect(halts.current == [queue: .init(reason: "created anew", decision: 2)])
    halts.add(queue, "created anew once more", after: 3)
    halts.lift([queue: 3])
    #expect(halts.all == [queue: "created anew once more"])
  }
}
