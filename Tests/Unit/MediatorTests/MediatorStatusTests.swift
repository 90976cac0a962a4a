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
}

private final class Flag: Sendable {
  private let state = Mutex(true)
  var value: Bool {
    get { state.withLock { $0 } }
    set { state.withLock { $0 = newValue } }
  }
}
