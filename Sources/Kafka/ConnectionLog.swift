import CRDKafka
import Logging
import Synchronization

/// Whether a client can reach its cluster, for whoever is asked about its health.
final class Reachability: Sendable {
  private let flag = Atomic<Bool>(true)
  private let lossCount = Atomic<Int>(0)

  var isReachable: Bool {
    get { flag.load(ordering: .relaxed) }
    set { flag.store(newValue, ordering: .relaxed) }
  }

  /// How often a connection to a broker was lost that was in use. Needs `log.connection.close`.
  var losses: Int { lossCount.load(ordering: .acquiring) }

  func countLoss() { lossCount.add(1, ordering: .releasing) }
}

/// Turns librdkafka's log lines and error events, of which there is one per attempt, into one line per change of state.
struct ConnectionLog {
  enum State: Equatable {
    case unknown
    case connected
    /// All connections are gone, which is normal after a time without traffic: what follows tells.
    case suspect
    case disconnected
  }

  private(set) var state = State.unknown
  /// The reason why no broker can be used, where librdkafka gave one that says more than "it did not work".
  private(set) var failure: KafkaError?
  private let logger: Logger
  private let reachability: Reachability
  private let isTold: Bool
  private var failedProbes = 0
  private var seenFacilities: Set<String> = []

  /// - Parameter isTold: false where the caller logs loss and return itself.
  init(logger: Logger, reachability: Reachability, isTold: Bool = true) {
    self.logger = logger
    self.reachability = reachability
    self.isTold = isTold
  }

  /// Lines of these facilities tell about single attempts, or what has a line of its own here or in the callers.
  private static let perAttempt: Set<String> = [
    "FAIL", "ERROR", "REQTMOUT", "CONNECT", "BROKERFAIL", "DISCONN", "CONFWARN", "TERMINATE", "PARTCNT", "GETPID",
    "FATAL",
  ]

  /// A line of librdkafka's log; `level` is syslog's.
  mutating func line(facility: String, text: String, level: Int32) {
    // "… (after 1200ms in state UP)": a connection that worked is gone. That one could not be made is no loss.
    if facility == "FAIL", text.contains("in state UP") { reachability.countLoss() }
    let isRepeat = !seenFacilities.insert(facility).inserted
    if Self.perAttempt.contains(facility) || isRepeat || level > 4 {
      logger.debug("librdkafka: \(text)", metadata: ["facility": "\(facility)"])
    } else {
      logger.log(level: level > 3 ? .warning : .error, "librdkafka: \(text)", metadata: ["facility": "\(facility)"])
    }
  }

  /// Takes an error that is about the connections, which librdkafka goes on from by itself.
  ///
  /// - Returns: false for any other error.
  mutating func absorb(_ error: KafkaError) -> Bool {
    switch error.code {
    case .authentication:
      if failure?.code != error.code { logger.error("Kafka refuses this client: \(error.message)") }
      failure = error
      reachability.isReachable = false
    case .unavailable, .timedOut, .other:
      logger.debug("\(error.message)", metadata: ["error": "\(error.name)"])
      if error.rdkafkaCode != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN.rawValue || state == .disconnected { break }
      state = .suspect
    default:
      return false
    }
    return true
  }

  /// The cluster was asked for a sign of life and gave none.
  mutating func probeFailed() {
    failedProbes += 1
    // The first may find librdkafka waiting before it connects again.
    if failedProbes < 2 || state == .disconnected { return }
    if failure == nil { logger.log(level: isTold ? .warning : .debug, "no Kafka broker can be reached; trying on") }
    state = .disconnected
    reachability.isReachable = false
  }

  /// The cluster answered.
  mutating func succeeded() {
    if state == .connected && failure == nil { return }
    if state == .disconnected || failure != nil {
      logger.log(level: isTold ? .notice : .debug, "Kafka can be reached again")
    }
    state = .connected
    failure = nil
    failedProbes = 0
    reachability.isReachable = true
    seenFacilities.removeAll()
  }
}
