import CRDKafka

/// One queue per partition, from which batches are taken in turns: in one batch each that has records gets its share, and
/// what the others leave.
struct RecordLanes {
  private var lanes: [TopicPartition: OpaquePointer] = [:]
  private var queues: [OpaquePointer] = []
  private var current = 0
  /// What may be taken from the current queue before it is another's turn.
  private var share = 1
  private var left = 1
  /// Queues in a row that were empty.
  private var emptyInARow = 0

  /// The queue of a partition; lasts for the life of the handle.
  mutating func lane(of partition: TopicPartition, make: () -> OpaquePointer) -> OpaquePointer {
    if let lane = lanes[partition] { return lane }
    let lane = make()
    lanes[partition] = lane
    queues.append(lane)
    return lane
  }

  /// A batch of at most this many records begins, with another queue than the last one.
  mutating func begin(_ max: Int) {
    guard !queues.isEmpty else { return }
    share = Swift.max(1, max / queues.count)
    emptyInARow = 0
    advance()
  }

  /// The next event; the caller destroys it.
  mutating func next() -> OpaquePointer? {
    while emptyInARow < queues.count {
      if left > 0, let event = rd_kafka_queue_poll(queues[current], 0) {
        left -= 1
        emptyInARow = 0
        return event
      }
      emptyInARow = left > 0 ? emptyInARow + 1 : 0
      advance()
    }
    return nil
  }

  private mutating func advance() {
    current = (current + 1) % queues.count
    left = share
  }

  func destroy() { for queue in queues { rd_kafka_queue_destroy(queue) } }
}
