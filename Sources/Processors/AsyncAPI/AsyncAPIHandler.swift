import HTTP
import HTTPCalls
import Kafka
import Logging
import Values
import Wire

/// Publishes the messages of `call: asyncapi` (DSL 1.0.3).
///
/// At least once: the topic and the inbox are not one transaction. What was published is recorded when the broker has
/// acknowledged it; until then an attempt publishes again, with the same `idempotency-key`, by which readers know it.
public final class AsyncAPIHandler: EffectHandler {
  private let reader: AsyncAPIReader
  private let options: AsyncAPIOptions
  private let own: KafkaConfiguration
  private let publisher: any MessagePublisher
  private let ledger: any EffectLedger
  private let logger: Logger

  /// Not `ce_idempotencykey`: with one header of CloudEvents a record is taken for an event in binary mode.
  static let idempotencyHeader = "idempotency-key"

  /// - Parameter own: the processor's own cluster.
  init(
    reader: AsyncAPIReader, options: AsyncAPIOptions, own: KafkaConfiguration, publisher: any MessagePublisher,
    ledger: any EffectLedger, logger: Logger
  ) {
    self.reader = reader
    self.options = options
    self.own = own
    self.publisher = publisher
    self.ledger = ledger
    self.logger = logger
  }

  public func validate(_ event: ProcessorEvent) -> Validated<AsyncAPICall> {
    do throws(HTTPCallError) {
      return .work(try AsyncAPICall(event.data))
    } catch {
      return .refused(TaskFailure(error))
    }
  }

  /// Messages of one key stay in order, as on the channel.
  public func lane(of work: AsyncAPICall, for event: ProcessorEvent) -> String {
    event.key.map { "k\(Base64.encode($0))" } ?? event.idempotencyKey
  }

  public func perform(
    _ work: AsyncAPICall, for event: ProcessorEvent, in context: EffectContext
  ) async throws(ProcessorError) -> EffectEnding {
    // Time passes until it is this call's turn.
    let outcome: Outcome? = await context.permits.run { [self] in
      guard !context.isAbandoned, !event.isExpired(at: context.clock.now()) else { return nil }
      return await publish(work, event, context)
    }
    guard let outcome else { return context.isAbandoned ? .abandoned : .expired }
    guard outcome.isFinal else { return .settled(outcome) }
    let isRecorded = await context.patiently(logger) { () throws(ProcessorError) in
      try await ledger.settle(event.idempotencyKey, outcome)
    }
    return isRecorded ? .settled(outcome) : .abandoned
  }

  // MARK: Publishing

  /// - Returns: nil when there is no time left to publish.
  private func publish(_ call: AsyncAPICall, _ event: ProcessorEvent, _ context: EffectContext) async -> Outcome? {
    let publication: AsyncAPIPublication
    do throws(HTTPCallError) {
      publication = try await reader.publication(call, deadline: event.deadline)
    } catch {
      return .failed(TaskFailure(error))
    }
    guard let cluster = options.clusters.cluster(for: publication.server, own: own) else {
      return .failed(.notConfigured(unknown(publication.server)))
    }
    guard options.topics.admits(publication.topic) else {
      return .failed(
        .notConfigured("the topic '\(publication.topic)' may not be written to; see processors.asyncapi.topics"))
    }
    guard !context.isAbandoned, !event.isExpired(at: context.clock.now()) else { return nil }
    switch await publisher.publish(record(publication, event), to: cluster) {
    case .success: return .completed(["topic": .string(publication.topic)])
    // This processor ends; whoever has the partition next publishes it (again).
    case .failure(let error) where error.code == .closed && context.isAbandoned: return nil
    case .failure(let error): return .failed(TaskFailure(error, publication.topic))
    }
  }

  private func unknown(_ server: AsyncAPIServer) -> String {
    let hint =
      options.clusters.named.isEmpty
      ? "only this processor's own kafka.bootstrap.servers may be; add it under processors.asyncapi.servers"
      : "add it under processors.asyncapi.servers, which has \(options.clusters.named.keys.sorted().joined(separator: ", "))"
    return "the server '\(server.name)' (\(server.host)) may not be written to; \(hint)"
  }

  private func record(_ publication: AsyncAPIPublication, _ event: ProcessorEvent) -> OutgoingRecord {
    var headers = publication.headers.map { KafkaHeader(name: $0.name, value: Array($0.value.utf8)) }
    if !headers.contains(where: { $0.name.lowercased() == Self.idempotencyHeader }) {
      headers.append(KafkaHeader(name: Self.idempotencyHeader, value: Array(event.idempotencyKey.utf8)))
    }
    return OutgoingRecord(topic: publication.topic, key: event.key, value: publication.value, headers: headers)
  }
}

extension TaskFailure {
  init(_ error: HTTPCallError) {
    self.init(problem: error.problem, retryable: error.retryable, retryAfter: error.retryAfter)
  }

  /// Why the broker has not taken a message.
  init(_ error: KafkaError, _ topic: String) {
    switch error.code {
    case .messageTooLarge: self = .refused(413, "the message is larger than '\(topic)' takes: \(error.message)")
    case .unknownTopic: self = .refused(404, "the topic '\(topic)' does not exist: \(error.message)")
    case .authorization: self = .refused(403, "'\(topic)' may not be written to: \(error.message)")
    case .configuration: self = .notConfigured("the cluster of '\(topic)': \(error.message)")
    case .timedOut: self = .unavailable(504, "no acknowledgement from '\(topic)', which may have it: \(error.message)")
    default: self = .unavailable(503, "'\(topic)' cannot be written to: \(error.message)")
    }
  }
}
