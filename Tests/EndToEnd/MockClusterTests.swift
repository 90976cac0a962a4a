import Glibc
import Kafka
import TestSupport
import Testing
import Values

/// What the other broker cannot show: members that expire, brokers that go away, leaders that move, requests that fail.
@Suite(.serialized) struct MockClusterTests {
  @Test(.timeLimit(.minutes(5)))
  func aClusterThatFailsAndAProcessorThatIsReplacedByAnother() async throws {
    let channels = ["persistence", "alerts", "telegram"]
    var topics: [String: Int32] = ["mediator.queue": 4, "mediator.replies": 4, "mediator.dead-letters": 1]
    for channel in channels { topics["mediator.channel.\(channel)"] = 4 }
    let mock = try MockBrokerServer(brokers: 3, topics: topics)
    let cluster = try await Cluster(mock: mock)
    try await cluster.run("mediatorctl", "deploy", workflow("equipment-status.yaml"))
    var services = [try cluster.start("mediator", "--id", "first"), try cluster.start("mediator", "--id", "second")]
    for channel in channels { services.append(try cluster.start("processor", channel)) }
    let simulator = try cluster.start(
      "simulator", "--count", "1500", "--rate", "50", "--devices", "4", "--equipments-per-device", "3",
      "--seed", "19", "--duplicates", "1", "--garbage", "1", "--output", "json")
    func waitForMore(_ count: Int) async throws {
      let before = try await cluster.count("select count(*) from instances where ended_at is not null")
      try await poll(within: .seconds(90), "\(count) more instances to end") {
        try await cluster.count("select count(*) from instances where ended_at is not null") >= before + count
          ? true : nil
      }
    }
    try await waitForMore(50)

    // It leaves nothing behind but its membership; another takes its partitions when that has expired.
    await services[2].kill()
    services[2] = try cluster.start("processor", "persistence")
    for partition in Int32(0)..<4 {
      try mock.setLeader(of: TopicPartition(topic: "mediator.replies", partition: partition), to: 1 + partition % 3)
    }
    // Produce requests (API 0) to a broker that says it is not the leader any more.
    try mock.failRequests(apiKey: 0, code: 6, count: 5)
    try await waitForMore(50)
    try mock.setBroker(2, up: false)
    // How long the broker is away.
    try await Task.sleep(for: .seconds(4))
    try mock.setBroker(2, up: true)

    #expect(try await simulator.waitForExit(within: .seconds(120)) == 0)
    let accepted = try #require(try JSON.parse(simulator.output)["readings"]?.int)
    try await cluster.waitForInstances(accepted, within: .seconds(120))
    try await cluster.verify()
    for service in services { #expect(try await service.stop() == 0, "\(service.log.suffix(2000))") }
    await cluster.remove()
    mock.end()
  }
}
