import Postgres
import TestSupport
import Testing
import Values

/// Definitions change while instances of them run.
@Suite(.serialized) struct DefinitionChangeTests {
  private func definition(_ version: Int, type: String = "note.me") -> String {
    """
    document: {dsl: 1.0.3, namespace: tests, name: note, version: \(version).0.0}
    schedule: {on: {one: {with: {type: \(type)}}}}
    do:
      - listen: {listen: {to: {one: {with: {type: go.on}}}}}
      - note: {set: {version: \(version)}}
    """
  }

  /// An instance ends by the version that it began with; a new version starts what comes; one that has another trigger
  /// takes the old one away, and what is sent to it is a dead letter.
  @Test(.timeLimit(.minutes(3))) func whileInstancesRun() async throws {
    let cluster = try await Cluster()
    func deploy(_ version: Int, type: String = "note.me") async throws {
      try await cluster.run(
        "mediatorctl", "deploy", try cluster.write(definition(version, type: type), to: "note-\(version).yaml"))
    }
    func send(_ id: String, _ type: String = "note.me") async throws {
      try await cluster.send([SentEvent(type, id, [:])])
    }
    let waiting = "select count(*) from instances where status = 'waiting'"
    try await deploy(1)
    let mediator = try cluster.start("mediator")
    try await cluster.waitForMediator()
    try await send("first")
    try await cluster.wait(for: 1, "the first to wait", waiting)
    try await deploy(2)
    try await poll(within: .seconds(20), "the second version to be known") {
      mediator.log.split(separator: "\n").contains { $0.contains("definition loaded") && $0.contains("2.0.0") }
        ? true : nil
    }
    try await send("second")
    try await cluster.wait(for: 2, "the second to wait", waiting)
    try await deploy(3, type: "note.other")
    try await poll(within: .seconds(20), "the third version to be known") {
      mediator.log.split(separator: "\n").contains { $0.contains("definition loaded") && $0.contains("3.0.0") }
        ? true : nil
    }
    try await send("third")
    try await cluster.wait(
      for: 1, "what came of the third",
      "select (select count(*) from dead_letters) + (select count(*) from instances where event_id = 'third')")
    let letters = try await cluster.query("select reason, key from dead_letters")
    #expect(try letters.map { try $0.text("reason") } == ["unknownType"])
    #expect(try letters.first?.bytes("key") == Array("third".utf8))
    try await send("fourth", "note.other")
    try await cluster.wait(for: 3, "the fourth to wait", waiting)
    // One event goes to one listener.
    for number in 1...3 { try await send("go-\(number)", "go.on") }
    try await cluster.waitForInstances(3, within: .seconds(60))
    let rows = try await cluster.query("select event_id, output::text as output from instances order by event_id")
    #expect(try rows.map { try $0.text("event_id") } == ["first", "fourth", "second"])
    #expect(try rows.map { try $0.text("output") } == [#"{"version":1}"#, #"{"version":3}"#, #"{"version":2}"#])
    #expect(try await mediator.stop() == 0)
    await cluster.remove()
  }

  /// The same version, with other content: one of them is told so, and only one version is there.
  @Test(.timeLimit(.minutes(2))) func twoDeployersAtOnce() async throws {
    let cluster = try await Cluster()
    try await cluster.run("mediatorctl", "deploy", try cluster.write(definition(1), to: "first.yaml"))
    let files = try (0..<4).map { try cluster.write(definition(2) + "\n# \($0)\n", to: "second-\($0).yaml") }
    let deployers = try files.map { try cluster.start("mediatorctl", "deploy", $0) }
    var statuses: [Int32] = []
    for deployer in deployers { statuses.append(try await deployer.waitForExit()) }
    #expect(statuses.count { $0 == 0 } == 1, "\(statuses)")
    for (deployer, status) in zip(deployers, statuses) where status != 0 {
      #expect((deployer.log + deployer.output).contains("2.0.0"), "\(deployer.log)")
    }
    #expect(try await cluster.count("select count(*) from definitions where version = '2.0.0'") == 1)
    await cluster.remove()
  }
}
