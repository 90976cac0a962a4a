import CRDKafka
import Logging

/// What the producer's thread does: takes sends, hands their records to librdkafka, and tells the results.
///
/// `@unchecked Sendable` is safe because after `init` only the thread that calls `run` touches the stored properties;
/// others only post to `mailbox`.
final class ProducerLoop: @unchecked Sendable {
  enum Command: Sendable {
    case send([OutgoingRecord], OutstandingSends.Completion)
    case flush(then: @Sendable () -> Void)
    case close(within: Duration, then: @Sendable () -> Void)
  }

  private struct Unwritten {
    let records: [OutgoingRecord]
    let first: UInt64
    var next = 0
  }

  private struct Closing {
    let deadline: ContinuousClock.Instant
    /// Whoever closes a second time waits for the same end.
    var completions: [@Sendable () -> Void]
  }

  let mailbox: Mailbox<Command>
  let reachability = Reachability()
  private let configuration: KafkaConfiguration
  private let logger: Logger
  private let wakeUp: WakeUp

  /// nil while a new handle could not be made after a fatal error.
  private var handle: ClientHandle?
  private var writer: RecordWriter?
  private var outstanding = OutstandingSends()
  private var unwritten: [Unwritten] = []
  private var unwrittenHead = 0
  private var flushes: [(upTo: UInt64, completion: @Sendable () -> Void)] = []
  private var closing: Closing?
  private var fatal: KafkaError?
  /// Grows with every fatal error in a row, so that a cluster that refuses every identity is not asked in a tight loop.
  private var rebuildDelay = Duration.zero
  private var writeNotBefore: ContinuousClock.Instant?

  init(_ configuration: KafkaConfiguration, logger: Logger) throws(KafkaError) {
    self.configuration = configuration
    self.logger = logger
    wakeUp = try WakeUp()
    mailbox = Mailbox(wakeUp: wakeUp)
    try open()
  }

  private func open() throws(KafkaError) {
    let handle = try ClientHandle(
      RD_KAFKA_PRODUCER, configuration,
      defaults: [
        "enable.idempotence": "true",
        "acks": "all",
        "message.timeout.ms": "0",
        "linger.ms": "5",
        "partitioner": "murmur2_random",
        "queue.buffering.max.kbytes": "131072",
      ],
      fixed: ["delivery.report.only.error": "false"],
      events: RD_KAFKA_EVENT_DR, wakeUp: wakeUp, reachability: reachability, logger: logger)
    writer = RecordWriter(handle: handle.raw)
    self.handle = handle
  }

  func run() {
    while true {
      for command in mailbox.drain() { accept(command) }
      serveReports()
      if let fatal { rebuild(after: fatal) }
      writeRecords()
      finishFlushes()
      if let closing, outstanding.isEmpty || .now >= closing.deadline { return close(closing) }
      let deadlines = [closing?.deadline, writeNotBefore, handle?.probe()]
      wakeUp.wait(until: deadlines.compactMap(\.self).min())
    }
  }

  private func accept(_ command: Command) {
    switch command {
    case .send(let records, let completion):
      if records.isEmpty { return completion([]) }
      let first = outstanding.add(count: records.count, completion: completion)
      unwritten.append(Unwritten(records: records, first: first))
    case .flush(let completion):
      flushes.append((outstanding.nextSequence, completion))
    case .close(let limit, let completion):
      guard closing == nil else {
        closing?.completions.append(completion)
        return
      }
      closing = Closing(deadline: .now + limit, completions: [completion])
      for rest in mailbox.close() { accept(rest) }
    }
  }

  private func finishFlushes() {
    if flushes.isEmpty { return }
    let done = outstanding.oldest ?? .max
    flushes.removeAll { flush in
      if flush.upTo > done { return false }
      flush.completion()
      return true
    }
  }

  // MARK: - Writing

  private func writeRecords() {
    if let writeNotBefore {
      if .now < writeNotBefore { return }
      self.writeNotBefore = nil
      if handle == nil { reopen() }
    }
    while unwrittenHead < unwritten.count, fatal == nil, let writer {
      if !write(&unwritten[unwrittenHead], with: writer) { break }
      unwrittenHead += 1
    }
    if unwrittenHead == unwritten.count {
      unwritten.removeAll(keepingCapacity: unwrittenHead < 1024)
      unwrittenHead = 0
    } else if unwrittenHead > 1024 {
      unwritten.removeFirst(unwrittenHead)
      unwrittenHead = 0
    }
    if fatal != nil { wakeUp.signal() }
  }

  /// - Returns: false when librdkafka has no room, or takes no records any more.
  private func write(_ send: inout Unwritten, with writer: RecordWriter) -> Bool {
    while send.next < send.records.count {
      let sequence = send.first + UInt64(send.next)
      switch writer.write(send.records[send.next], sequence: sequence) {
      case .accepted: break
      case .full: return false
      case .failed(let error) where error.isFatal:
        fatal = error
        return false
      case .failed(let error):
        let place = send.records[send.next]
        settle(sequence, .failure(error.at(place.topic, place.partition)))
      }
      send.next += 1
    }
    return true
  }

  private func settle(_ sequence: UInt64, _ result: Result<Int64, KafkaError>) {
    outstanding.record(result, for: sequence)?.deliver()
  }

  // MARK: - Results

  private func serveReports() {
    guard let handle else { return }
    while let event = handle.nextEvent() {
      switch rd_kafka_event_type(event) {
      case RD_KAFKA_EVENT_DR: settle(reports: event)
      case RD_KAFKA_EVENT_ERROR: fatal = fatal ?? handle.fatalError
      default: break
      }
      rd_kafka_event_destroy(event)
    }
  }

  private func settle(reports event: OpaquePointer) {
    guard let handle else { return }
    var succeeded = false
    while let message = rd_kafka_event_message_next(event) {
      let sequence = UInt64(UInt(bitPattern: message.pointee._private))
      if message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR {
        succeeded = true
        settle(sequence, .success(message.pointee.offset))
        continue
      }
      // Reports of the records that a fatal error took with it may come before the error itself.
      fatal = fatal ?? handle.fatalError
      if fatal == nil { settle(sequence, .failure(Self.error(of: message.pointee))) }
    }
    if succeeded {
      handle.log.succeeded()
      rebuildDelay = .zero
    }
  }

  private static func error(of message: rd_kafka_message_t) -> KafkaError {
    KafkaError(message.err).at(String(cString: rd_kafka_topic_name(message.rkt)), message.partition)
  }

  // MARK: - Fatal errors

  /// Ends everything that was accepted, and goes on with a new handle.
  private func rebuild(after error: KafkaError) {
    logger.warning("the Kafka producer's identity is lost (\(error.name)); starting a new one")
    if let handle {
      rd_kafka_purge(
        handle.raw, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING)
      // What was acknowledged is known to be written; the purge makes the rest report at once.
      let deadline = ContinuousClock.now + .seconds(1)
      while rd_kafka_outq_len(handle.raw) > 0, .now < deadline {
        wakeUp.wait(until: deadline)
        serveReports()
      }
      writer = nil
      handle.destroy(within: .zero)
    }
    handle = nil
    reopen()
    // Posted so far means in order behind what failed: it must not be written before that is sent again.
    for command in mailbox.drain() { accept(command) }
    unwritten.removeAll()
    unwrittenHead = 0
    fatal = nil
    for failed in outstanding.failAll(error) { failed.deliver() }
    writeNotBefore = .now + rebuildDelay
    rebuildDelay = min(max(rebuildDelay * 2, .milliseconds(100)), .seconds(5))
  }

  private func reopen() {
    do {
      try open()
    } catch {
      logger.error("cannot make a new Kafka producer: \(error.message)")
      writeNotBefore = .now + .seconds(1)
    }
  }

  // MARK: - End

  private func close(_ closing: Closing) {
    unwritten.removeAll()
    writer = nil
    for failed in outstanding.failAll(.closed("producer")) { failed.deliver() }
    finishFlushes()
    if let handle {
      rd_kafka_purge(
        handle.raw, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING)
      handle.destroy(within: .seconds(2))
    }
    for completion in closing.completions { completion() }
  }
}
