import Hosting
import Logging
import Synchronization

/// What a mediator knows of its own health: for the log (one line per change), readiness and metrics.
public final class MediatorStatus: Sendable {
  public let halts: Halts
  let store: StateLog
  let broker: StateLog
  private let logger: Logger
  private let shards = Mutex<Shards?>(nil)
  private let clients = Mutex<[String: @Sendable () -> Bool]>([:])
  private let unservedChannels = Mutex<[String]>([])
  /// Shards that Kafka has failed since they last worked.
  private let troubled = Mutex<Set<Int32>>([])

  private struct Shards {
    var owned: Set<Int32>
    /// Those that the log says are held.
    var told: Set<Int32>
  }

  public init(logger: Logger) {
    self.logger = logger
    halts = Halts(logger: logger)
    store = StateLog("Postgres", logger: logger)
    broker = StateLog("Kafka", logger: logger)
  }

  /// Adds the checks that `/readyz` answers with.
  public func register(in checks: HealthChecks) {
    checks.register("shards") { [self] in
      shards.withLock { $0 == nil ? "has not looked for shards yet" : nil }
    }
    checks.register("Postgres") { [self] in store.isUp == true ? nil : "is down" }
    checks.register("Kafka") { [self] in broker.isUp == false ? "is down" : nil }
    checks.register("partitions") { [self] in
      let reasons = halts.all.values.sorted()
      return reasons.isEmpty ? nil : reasons.joined(separator: "; ")
    }
    // The mediator does its work all the same: what it sends waits for its processor.
    checks.note("channels") { [self] in
      let unserved = unservedChannels.withLock { $0 }
      return unserved.isEmpty ? nil : "nobody consumes: " + unserved.joined(separator: ", ")
    }
  }

  /// The channels in which something waits that nobody reads.
  func unserved(_ channels: [String]) { unservedChannels.withLock { $0 = channels } }

  var ownedShards: [Int32] { shards.withLock { $0?.owned.sorted() ?? [] } }

  /// Takes a client into what ``checkBroker()`` looks at.
  ///
  /// - Parameter isReachable: nil when the client is gone.
  func watch(_ client: String, isReachable: (@Sendable () -> Bool)?) {
    clients.withLock { $0[client] = isReachable }
  }

  /// Looks whether all clients reach Kafka: which of them notices first depends on who has something to ask.
  func checkBroker() {
    let areReachable = clients.withLock { $0.values.map { $0 } }.allSatisfy { $0() }
    guard areReachable else { return broker.down("no broker can be reached") }
    if troubled.withLock(\.isEmpty) { broker.up() }
  }

  /// A shard has done a turn, or is nobody's business here any more.
  func settled(shard: Int32) { troubled.withLock { _ = $0.remove(shard) } }

  /// - Parameter failing: shards that have failed and have yet to work for a while. They come and go with every attempt;
  ///   the log has them when they last.
  func update(owned: Set<Int32>, of total: Int, failing: Set<Int32> = []) {
    let held = owned.subtracting(failing)
    let told = shards.withLock { state in
      defer { state = Shards(owned: owned, told: held) }
      return state?.told
    }
    guard told != held else { return }
    logger.info("shards held", metadata: ["shards": "\(held.sorted())", "of": "\(total)"])
  }

  /// Puts an error where it belongs.
  func note(_ error: MediatorError, shard: Int32? = nil) {
    switch error.code {
    case .store: store.down(error.message)
    case .source, .publish:
      if let shard { troubled.withLock { _ = $0.insert(shard) } }
      broker.down(error.message)
    case .halted: break
    case .fenced:
      logger.warning(
        "shard lost to another owner", metadata: ["shard": "\(shard ?? -1)", "reason": "\(error.message)"])
    case .conflict, .unstorable, .configuration, .outdated, .definition:
      logger.error("batch failed", metadata: ["shard": "\(shard ?? -1)", "reason": "\(error.message)"])
    }
  }
}
