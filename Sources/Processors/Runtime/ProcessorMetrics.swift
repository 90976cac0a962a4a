import Hosting
import Kafka
import Logging
import Metrics
import Synchronization
import Values
import Wire

/// What a processor counts and tells.
public final class ProcessorMetrics: Sendable {
  private let logger: Logger
  private let name: String
  private let completed: Counter
  private let failed: Counter
  private let failedForNow: Counter
  private let repeated: Counter
  private let expired: Counter
  private let abandoned: Counter
  private let batches: Counter
  private let batchSeconds: FloatingPointCounter
  private let publishing: StateLog
  private let told = Mutex<Set<String>>([])

  public init(name: String, logger: Logger) {
    self.name = name
    self.logger = logger
    func events(_ result: String) -> Counter {
      Counter(label: "processor_events_total", dimensions: [("processor", name), ("result", result)])
    }
    completed = events("completed")
    failed = events("failed")
    failedForNow = events("failed_for_now")
    repeated = events("repeated")
    expired = events("expired")
    abandoned = events("abandoned")
    batches = Counter(label: "processor_batches_total", dimensions: [("processor", name)])
    batchSeconds = FloatingPointCounter(label: "processor_batch_seconds_total", dimensions: [("processor", name)])
    publishing = StateLog("publishing replies", logger: logger)
  }

  func count(_ results: [EventResult]) {
    var counts = [0, 0, 0, 0, 0, 0]
    for result in results {
      switch result.ending {
      case .settled(_, isRepeat: true): counts[3] += 1
      case .settled(.completed, _): counts[0] += 1
      case .settled(.failed(let failure), _):
        counts[failure.retryable ? 2 : 1] += 1
        tell("failed: \(failure.problem.status)", "an event could not be acted on", shown(failure, of: result.event))
      case .expired: counts[4] += 1
      case .abandoned: counts[5] += 1
      }
    }
    let counters = [completed, failed, failedForNow, repeated, expired, abandoned]
    for (counter, count) in zip(counters, counts) where count > 0 { counter.increment(by: count) }
  }

  /// What the log says of a failure.
  ///
  /// The detail may quote the event's data, or a server that repeats it, and with it a secret of the workflow. The
  /// mediator knows its secrets, hides them and keeps the rest in the instance's journal, so here is what leads there.
  private func shown(_ failure: TaskFailure, of event: ProcessorEvent) -> String {
    let problem = failure.problem
    guard case .mediator(let address) = event.recipient else { return problem.detail ?? problem.title ?? problem.type }
    return "\(problem.type) \(problem.status), see instance \(address.correlationID)"
  }

  func batch(_ count: Int, took time: Duration) {
    batches.increment()
    batchSeconds.increment(by: time / .seconds(1))
  }

  func undecodable(_ reason: String, detail: String, at place: RecordPlace) {
    Counter(label: "processor_dead_letters_total", dimensions: [("processor", name), ("reason", reason)]).increment()
    tell("dead letter: \(reason)", "a record became a dead letter", "\(place.partition)/\(place.offset): \(detail)")
  }

  /// - Parameter failure: why replies had to be sent again.
  func resent(_ failure: String?) {
    if let failure { publishing.down(failure) } else if publishing.isUp == false { publishing.up() }
  }

  func refused(_ refusal: ReplyPipeline.Refusal) {
    Counter(label: "processor_replies_refused_total", dimensions: [("processor", name)]).increment()
    guard refusal.isDeadLetter else { return tell("refused", "the broker refused a reply", refusal.reason) }
    // Each of them: the log is the only place that tells where the record stands.
    logger.error(
      "the broker refused a dead letter: its record is left where it stands",
      metadata: [
        "topic": "\(refusal.place.partition.topic)", "partition": "\(refusal.place.partition.partition)",
        "offset": "\(refusal.place.offset)", "reason": "\(refusal.reason)",
      ])
  }

  func commitFailed(_ reason: String) {
    logger.debug("offsets not committed", metadata: ["reason": "\(reason)"])
  }

  func uncheckedPositions(_ reason: String) {
    logger.debug("positions not compared with the database", metadata: ["reason": "\(reason)"])
  }

  /// The database knows less than the group has read: an older state of it was put back.
  func wentBack(to positions: [TopicPartition: Int64], from committed: [TopicPartition: Int64]) {
    let places = positions.map { partition, position in
      "\(partition.topic)/\(partition.partition): \(committed[partition] ?? position) → \(position)"
    }
    logger.warning(
      "the database is older than the group's positions: what it does not know is read again",
      metadata: ["positions": "\(places.sorted())"])
  }

  /// The first of a kind is a warning; the counters tell of the others.
  private func tell(_ kind: String, _ message: String, _ detail: String) {
    let isFirst = told.withLock { $0.insert(kind).inserted }
    logger.log(
      level: isFirst ? .warning : .debug, "\(message)",
      metadata: ["detail": "\(detail)", "further": isFirst ? "counted only" : "of this kind"])
  }
}
