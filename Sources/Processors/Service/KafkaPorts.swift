import Kafka
import Values

/// A group member as the loop's source.
struct KafkaEventSource: EventSource {
  let consumer: KafkaConsumer
  let configuration: KafkaConfiguration
  let group: String

  func nextBatch(max: Int, wait: Duration) async throws(ProcessorError) -> [KafkaRecord] {
    guard max > 0 else {
      // Short: what is waited for are acknowledgements, which nothing here is told of.
      try? await Task.sleep(for: wait)
      return []
    }
    do throws(KafkaError) {
      return try await consumer.nextBatch(max: max, wait: wait)
    } catch {
      throw ProcessorError(kafka: error)
    }
  }

  func commit(_ positions: [TopicPartition: Int64]) async throws(ProcessorError) {
    do throws(KafkaError) {
      try await consumer.commit(positions)
    } catch {
      throw error.isOutdatedMember ? ProcessorError(.fenced, "\(error)") : ProcessorError(kafka: error)
    }
  }
}

extension KafkaEventSource {
  /// Asked seldom: when partitions are given to the member.
  func committed(in partitions: [TopicPartition]) async throws(ProcessorError) -> [TopicPartition: Int64] {
    do throws(KafkaError) {
      let admin = try KafkaAdmin(configuration, limit: .seconds(3))
      let answer: Result<[TopicPartition: Int64], KafkaError>
      do throws(KafkaError) {
        answer = .success(try await admin.committed(by: group, in: partitions))
      } catch {
        answer = .failure(error)
      }
      await admin.close()
      return try answer.get()
    } catch {
      throw ProcessorError(.source, "\(error)")
    }
  }
}

struct KafkaReplyPublisher: ReplyPublisher {
  let producer: KafkaProducer

  func publish(_ records: [OutgoingRecord], completion: @escaping @Sendable ([PublishResult]) -> Void) {
    producer.send(records) { results in completion(results.map(PublishResult.init)) }
  }
}

extension PublishResult {
  init(_ result: Result<Int64, KafkaError>) {
    switch result {
    case .success: self = .published
    case .failure(let error):
      switch error.code {
      case .messageTooLarge: self = .refused(.tooLarge)
      // The topic or partition is what the processing event named; no repetition makes it exist.
      case .unknownTopic, .authorization: self = .refused(.other("\(error)"))
      default: self = .failed("\(error)")
      }
    }
  }
}

extension ProcessorError {
  init(kafka error: KafkaError) {
    let isOver = error.isFatal || error.code == .closed || error.code == .fenced || error.code == .fatal
    self.init(isOver ? .memberLost : .source, "\(error)")
  }
}
