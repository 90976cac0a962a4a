import CRDKafka

/// One queue per partition, from which batches are taken in turns: in one batch each that has records gets its share, and
/// what the others leave. Those that are preferred come first, and leave a quarter.
struct RecordLanes {
  private var lanes: [TopicPartition: OpaquePointer] = [:]
  private var preferred = Ring()
  private var others = Ring()
  /// How much of the batch those that are preferred may still take before the others.
  private var preferredLeft = 0

  /// The queue of a partition; lasts for the life of the handle.
  mutating func lane(
    of partition: TopicPartition, isPreferred: Bool, make: () -> OpaquePointer
  ) -> OpaquePointer {
    if let lane = lanes[partition] { return lane }
    let lane = make()
    lanes[partition] = lane
    if isPreferred { preferred.queues.append(lane) } else { others.queues.append(lane) }
    return lane
  }

  /// A batch of at most this many records begins, with another queue than the last one.
  mutating func begin(_ max: Int) {
    preferredLeft = Swift.max(1, max - max / 4)
    preferred.begin(max)
    others.begin(max)
  }

  /// The next event; the caller destroys it.
  mutating func next() -> OpaquePointer? {
    if preferredLeft > 0, let event = preferred.next() {
      preferredLeft -= 1
      return event
    }
    return others.next() ?? preferred.next()
  }

  func destroy() { for queue in lanes.values { rd_kafka_queue_destroy(queue) } }

  private struct Ring {
    var queues: [OpaquePointer] = []
    private var current = 0
    /// What may be taken from one queue before it is another's turn.
    private var share = 1
    private var left = 1
    private var emptyInARow = 0

    mutating func begin(_ max: Int) {
      guard !queues.isEmpty else { return }
      share = Swift.max(1, max / queues.count)
      emptyInARow = 0
      advance()
    }

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
  }
}
