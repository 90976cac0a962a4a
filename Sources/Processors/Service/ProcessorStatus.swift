import Hosting
import Logging
import Synchronization

/// What of a processor's surroundings works; for the log and for readiness.
public final class ProcessorStatus: Sendable {
  let store: StateLog
  let source: StateLog
  private let name: String
  private let membership = Mutex((isMember: false, joins: 0))

  public init(name: String, logger: Logger) {
    self.name = name
    store = StateLog("database", logger: logger)
    source = StateLog("channel", logger: logger)
  }

  public func register(in checks: HealthChecks) {
    checks.register("\(name): database") { [store] in store.isUp == false ? "the database is down" : nil }
    checks.register("\(name): Kafka") { [source] in source.isUp == false ? "the channel cannot be read" : nil }
    checks.register("\(name): group") { [self] in
      membership.withLock { $0.isMember } ? nil : "waits for its group to give it partitions"
    }
  }

  func joined() { membership.withLock { $0 = (true, $0.joins + 1) } }
  func left() { membership.withLock { $0.isMember = false } }

  /// How often the group has given this processor partitions, or told it that there are none for it.
  var joins: Int { membership.withLock { $0.joins } }

  /// A batch went through.
  func worked() {
    store.up()
    source.up()
  }

  func failed(_ error: ProcessorError) {
    switch error.code {
    case .store, .conflict: store.down(error.message)
    case .source, .fenced, .memberLost, .configuration: source.down(error.message)
    }
  }
}
