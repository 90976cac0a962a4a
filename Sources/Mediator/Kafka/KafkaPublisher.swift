import Hosting
import Kafka
import Logging
import Synchronization

/// Publishes through the process's one idempotent producer.
public final class KafkaPublisher: RecordPublisher {
  private let producer: KafkaProducer
  private let logger: Logger
  /// Topics that cannot be written. One line tells when that begins, and one when it is over.
  private let unwritable = Mutex<Set<String>>([])

  public init(producer: KafkaProducer, logger: Logger = Logger(label: "publisher")) {
    self.producer = producer
    self.logger = logger
  }

  public func publish(_ records: [OutgoingRecord], completion: @escaping @Sendable ([PublishResult]) -> Void) {
    producer.send(records) { [self] results in
      let results = results.map(PublishResult.init)
      note(records, results)
      completion(results)
    }
  }

  private func note(_ records: [OutgoingRecord], _ results: [PublishResult]) {
    unwritable.withLock { topics in
      for (record, result) in zip(records, results) {
        switch result {
        case .forbidden(let reason):
          guard topics.insert(record.topic).inserted else { continue }
          logger.error("a topic cannot be written", metadata: ["topic": "\(record.topic)", "reason": "\(reason)"])
        case .published where !topics.isEmpty:
          guard topics.remove(record.topic) != nil else { continue }
          logger.notice("a topic can be written again", metadata: ["topic": "\(record.topic)"])
        case .published, .refused, .failed: continue
        }
      }
    }
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
    // librdkafka has looked for it for a while by then (`topic.metadata.propagation.max.ms`).
    case .failure(let error) where error.code == .unknownTopic: self = .forbidden(error.message)
    case .failure(let error): self = .failed(error.message)
    }
  }
}

extension MediatorError {
  init(kafka error: KafkaError) { self.init(.source, error.message) }
}
