import Kafka

/// Publishes through the process's one idempotent producer.
public final class KafkaPublisher: RecordPublisher {
  private let producer: KafkaProducer

  public init(producer: KafkaProducer) { self.producer = producer }

  public func publish(_ records: [OutgoingRecord], completion: @escaping @Sendable ([PublishResult]) -> Void) {
    producer.send(records) { results in completion(results.map(PublishResult.init)) }
  }
}

extension PublishResult {
  init(_ result: Result<Int64, KafkaError>) {
    switch result {
    case .success: self = .published
    // The record itself is what the broker does not want; every other failure may pass.
    case .failure(let error) where error.code == .messageTooLarge: self = .refused(error.message)
    // Of one topic. Without the right to write to the cluster at all nothing can be done with anything.
    case .failure(let error) where error.name == "TOPIC_AUTHORIZATION_FAILED": self = .forbidden(error.message)
    case .failure(let error): self = .failed(error.message)
    }
  }
}

extension MediatorError {
  init(kafka error: KafkaError) { self.init(.source, error.message) }
}
