import Logging
import Threads

/// An idempotent producer with `acks=all`: a record that is reported as written was written once, to all in-sync
/// replicas, and in the order of the calls for its partition.
///
/// It never gives up on a record because time passes; losing the cluster only delays the results. A fatal error (the
/// broker's idea of this producer's sequence is lost) ends everything that was accepted so far with `isFatal`, and later
/// sends go out through a new producer identity. Nothing that was sent before the first of those results is told is
/// written after it, so a caller that sends again from its first failed record keeps the order.
public final class KafkaProducer: Sendable {
  private let mailbox: Mailbox<ProducerLoop.Command>
  private let reachability: Reachability

  /// - Parameters:
  ///   - configuration: `linger.ms` is 5 unless it says otherwise.
  ///   - logger: gets one line per change of state.
  /// - Throws: `configuration`. A cluster that cannot be reached is no error here.
  public init(_ configuration: KafkaConfiguration, logger: Logger = Logger(label: "kafka")) throws(KafkaError) {
    let loop = try ProducerLoop(configuration, logger: logger)
    mailbox = loop.mailbox
    reachability = loop.reachability
    startThread(named: "kafka-producer") { loop.run() }
  }

  deinit { _ = mailbox.post(.close(within: .seconds(5), then: {})) }

  /// False from the moment that no broker can be reached, or the client's login is refused, until that is over.
  public var isReachable: Bool { reachability.isReachable }

  /// Sends records without waiting. Never blocks; what librdkafka's queue has no room for waits in this object.
  ///
  /// - Parameter completion: called once, on the producer's own thread (it must not block), when every record has its
  ///   result, in the order of `records`. An offset is negative where the broker had written the record before and no
  ///   longer says where.
  public func send(
    _ records: [OutgoingRecord], completion: @escaping @Sendable ([Result<Int64, KafkaError>]) -> Void
  ) {
    if !mailbox.post(.send(records, completion)) {
      completion(records.map { _ in .failure(.closed("producer")) })
    }
  }

  /// Sends records and waits for all their results, which are in the order of `records`.
  public func send(_ records: [OutgoingRecord]) async -> [Result<Int64, KafkaError>] {
    await withCheckedContinuation { continuation in
      send(records) { continuation.resume(returning: $0) }
    }
  }

  /// Returns when everything that was sent before this call has its result.
  public func flush() async {
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      if !mailbox.post(.flush(then: { continuation.resume() })) { continuation.resume() }
    }
  }

  /// Waits for outstanding results within the limit, gives the rest `closed`, and ends the client. What is sent
  /// afterwards gets `closed` as well.
  public func close(within limit: Duration = .seconds(5)) async {
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      if !mailbox.post(.close(within: limit, then: { continuation.resume() })) { continuation.resume() }
    }
  }
}
