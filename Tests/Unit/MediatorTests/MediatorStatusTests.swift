import Hosting
import Logging
import Synchronization
import Testing

@testable import Mediator

@Suite struct MediatorStatusTests {
  private let status = MediatorStatus(logger: Logger(label: "t") { _ in SwiftLogNoOpLogHandler() })

  private func failing() async -> [String] {
    let checks = HealthChecks()
    status.register(in: checks)
    return await checks.failing().map(\.name)
  }

  @Test func kafkaOutOfReachIsNotReady_untilItIsBack() async {
    status.update(owned: [0], of: 1)
    status.store.up()
    let flag = Flag()
    status.watch("producer") { true }
    status.watch("shard 0") { flag.value }
    status.checkBroker()
    #expect(await failing() == [])
    flag.value = false
    status.checkBroker()
    #expect(await failing() == ["Kafka"])
    flag.value = true
    status.checkBroker()
    #expect(await failing() == [])
    // A client that is closed says nothing any more.
    flag.value = false
    status.watch("shard 0", isReachable: nil)
    status.checkBroker()
    #expect(await failing() == [])
  }

  @Test func aShardThatKafkaFailsIsNotReady_untilItWorksAgain() async {
    status.update(owned: [0], of: 1)
    status.store.up()
    status.checkBroker()
    status.note(MediatorError(.publish, "the identity is lost"), shard: 3)
    status.checkBroker()
    #expect(await failing() == ["Kafka"])
    status.settled(shard: 3)
    status.checkBroker()
    #expect(await failing() == [])
  }

  /// A shard that cannot be opened is tried again and again.
  @Test func theLogTellsWhichShardsAreHeld_andNotEachAttempt() {
    let lines = ToldLines()
    let status = MediatorStatus(logger: Logger(label: "t") { _ in lines })
    status.update(owned: [0, 1], of: 4)
    status.update(owned: [0, 1], of: 4)
    #expect(lines.all == ["shards held [0, 1]"])
    for _ in 0..<3 {
      status.update(owned: [0], of: 4, failing: [1])
      status.update(owned: [0, 1], of: 4, failing: [1])
      #expect(status.ownedShards == [0, 1])
    }
    #expect(lines.all == ["shards held [0, 1]", "shards held [0]"])
    status.update(owned: [0, 1], of: 4)
    status.update(owned: [], of: 4)
    #expect(lines.all.suffix(2) == ["shards held [0, 1]", "shards held []"])
  }
}

private final class ToldLines: LogHandler {
  private let lines = Mutex<[String]>([])

  var all: [String] { lines.withLock { $0 } }
  var metadata: Logger.Metadata {
    get { [:] }
    set {}
  }
  var logLevel: Logger.Level {
    get { .trace }
    set {}
  }

  subscript(metadataKey _: String) -> Logger.Metadata.Value? {
    get { nil }
    set {}
  }

  func log(event: LogEvent) {
    lines.withLock { $0.append("\(event.message) \(event.metadata?["shards"].map { "\($0)" } ?? "")") }
  }
}

private final class Flag: Sendable {
  private let state = Mutex(true)
  var value: Bool {
    get { state.withLock { $0 } }
    set { state.withLock { $0 = newValue } }
  }
}
