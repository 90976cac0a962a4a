import Glibc
import TestSupport
import Testing
import Values

/// The same work while everything is killed, stopped and started again.
@Suite(.serialized) struct FaultTests {
  @Test(.timeLimit(.minutes(8)))
  func killedThirtyTimesNothingIsLostOrDoneTwice() async throws {
    let cluster = try await Cluster()
    try await cluster.run("mediatorctl", "deploy", workflow("equipment-status.yaml"))
    let roles: [[String]] = [
      ["mediator", "--id", "first"], ["mediator", "--id", "second"],
      ["processor", "persistence", "--instance", "p1"], ["processor", "alerts", "--instance", "a1"],
      ["processor", "telegram", "--instance", "t1"],
    ]
    var services = try roles.map { try Self.start($0, in: cluster) }
    let simulator = try cluster.start(
      "simulator", "--count", "6000", "--rate", "150", "--devices", "4", "--equipments-per-device", "3",
      "--seed", "11", "--duplicates", "1", "--garbage", "1", "--output", "json")
    var random = SystemRandomNumberGenerator()
    var kills = 0
    while kills < 30 {
      // Between kills there has to be time for something to happen: that is the test's subject, not its patience.
      try await Task.sleep(for: .milliseconds(Int.random(in: 300...1500, using: &random)))
      let victim = kills % roles.count
      await services[victim].kill()
      kills += 1
      services[victim] = try Self.start(roles[victim], in: cluster)
    }
    #expect(try await simulator.waitForExit(within: .seconds(120)) == 0)
    let counts = try JSON.parse(simulator.output)
    let accepted = try #require(counts["readings"]?.int, "\(counts.text)")
    try await cluster.waitForInstances(accepted, within: .seconds(180))
    try await cluster.verify()
    for service in services { #expect(try await service.stop() == 0, "\(service.log.suffix(2000))") }
    await cluster.remove()
  }

  @Test(.timeLimit(.minutes(6)))
  func postgresCrashesAndTheBrokerStandsStill() async throws {
    let cluster = try await Cluster()
    try await cluster.run("mediatorctl", "deploy", workflow("equipment-status.yaml"))
    let services = [
      try cluster.start("mediator"),
      // With names of their own: this broker never forgets a member without one that it has lost.
      try cluster.start("processor", "persistence", "--instance", "p1"),
      try cluster.start("processor", "alerts", "--instance", "a1"),
      try cluster.start("processor", "telegram", "--instance", "t1"),
    ]
    let simulator = try cluster.start(
      "simulator", "--count", "4000", "--rate", "120", "--devices", "4", "--equipments-per-device", "3",
      "--seed", "13", "--output", "json")
    try await poll(within: .seconds(60), "the first instances to end") {
      try await cluster.count("select count(*) from instances where ended_at is not null") > 200 ? true : nil
    }
    try await cluster.postgres.restart(mode: .immediate)
    // The second fault comes while the first is being got over.
    try await Task.sleep(for: .seconds(3))
    await cluster.broker.suspend()
    // How long the broker stands still.
    try await Task.sleep(for: .seconds(20))
    await cluster.broker.resume()
    #expect(try await simulator.waitForExit(within: .seconds(120)) == 0)
    let accepted = try #require(try JSON.parse(simulator.output)["readings"]?.int)
    try await cluster.waitForInstances(accepted, within: .seconds(180))
    try await cluster.verify()
    for service in services { #expect(try await service.stop() == 0, "\(service.log.suffix(2000))") }
    // One line per change of state, not per attempt.
    #expect(services[0].log.split(separator: "\n").count { $0.contains("Postgres is down") } <= 2)
    await cluster.remove()
  }

  static func start(_ role: [String], in cluster: Cluster) throws -> ServiceProcess {
    role.count == 4
      ? try cluster.start(role[0], role[1], role[2], role[3]) : try cluster.start(role[0], role[1], role[2])
  }
}
