import Kafka

extension KafkaProducer {
  /// Gives up what the broker has not taken in time; it then may have it or not.
  func send(
    _ records: [OutgoingRecord], orCloseAfter limit: Duration
  ) async -> [Result<Int64, KafkaError>] {
    // A deadline, not a wait: cancelled as soon as the broker has answered.
    let watchdog = Task {
      try await Task.sleep(for: limit)
      await close(within: .zero)
    }
    defer { watchdog.cancel() }
    return await send(records)
  }
}
