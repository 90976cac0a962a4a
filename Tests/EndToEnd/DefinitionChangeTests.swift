import Postgres
import TestSupport
import Testing
import Values

/// Definitions change while instances of them run.
@Suite(.serialized) struct DefinitionChangeTests {
  private func definition(_ version: Int, types: [String] = ["note.me"]) -> String {
    """
    document: {dsl: 1.0.3, namespace: tests, name: note, version: \(version).0.0}
    schedule: {on: {any: [\(types.map { "{with: {type: \($0)}}" }.joined(separator: ", "))]}}
    do:
      - listen: {listen: {to: {one: {with: {type: go.on}}}}}
      - note: {set: {version: \(version)}}
    """
  }

  /// An instance ends by the version that it began with; a new version starts what comes; one that has another trigger
  /// takes the old one away, and what is sent to it is a dead letter.
  @Test(.timeLimit(.minutes(3))) func whileInstancesRun() async throws {
    let cluster = try await Cluster()
    /// What comes after an event that only this version takes is read by it: the key leads all of them to one shard.
    func deploy(_ version: Int, _ types: String...) async throws {
      let file = try cluster.write(definition(version, types: types), to: "note-\(version).yaml")
      try await cluster.run("mediatorctl", "deploy", file)
    }
    func send(_ id: String, _ type: String) async throws {
      try await cluster.send([SentEvent(type, id, key: "k", [:])])
      let found =
        "select (select count(*) from dead_letters) + (select count(*) from instances where event_id = '\(id)')"
      try await cluster.wait(for: 1, "what came of \(id)", found)
    }
    try await deploy(1, "note.me")
    let mediator = try cluster.start("mediator")
    try await cluster.waitForMediator()
    try await send("1 first", "note.me")
    try await deploy(2, "note.me", "note.two")
    try await send("2 probe", "note.two")
    try await send("2 second", "note.me")
    try await deploy(3, "note.three")
    try await send("3 probe", "note.three")
    try await send("4 too late", "note.me")
    let letters = try await cluster.query("select reason, detail from dead_letters")
    #expect(try letters.map { try $0.text("reason") } == ["unknownType"])
    // One event goes to one listener.
    for number in 1...4 { try await cluster.send([SentEvent("go.on", "go-\(number)", key: "k", [:])]) }
    try await cluster.waitForInstances(4, within: .seconds(60))
    let rows = try await cluster.query("select event_id, output::text as output from instances order by event_id")
    #expect(try rows.map { try $0.text("event_id") } == ["1 first", "2 probe", "2 second", "3 probe"])
    for row in rows { #expect(try row.text("output") == #"{"version":\#(try row.text("event_id").prefix(1))}"#) }
    #expect(try await mediator.stop() == 0)
    await cluster.remove()
  }

  /// A version that was a mistake is taken back: what runs ends by it, what comes starts the one before, and where none
  /// is left, what comes is kept.
  @Test(.timeLimit(.minutes(3))) func retiredAndRestored() async throws {
    let cluster = try await Cluster()
    for version in [1, 2] {
      try await cluster.run(
        "mediatorctl", "deploy", try cluster.write(definition(version), to: "note-\(version).yaml"))
    }
    let mediator = try cluster.start("mediator")
    try await cluster.waitForMediator()
    func send(_ id: String) async throws {
      try await cluster.send([SentEvent("note.me", id, key: "k", [:])])
      let found =
        "select (select count(*) from dead_letters) + (select count(*) from instances where event_id = '\(id)')"
      try await cluster.wait(for: 1, "what came of \(id)", found)
    }
    try await send("1 mistaken")
    let retire = ["workflows", "retire", "note", "--output", "json"]
    let tried = try JSON.parse(try await cluster.run("mediatorctl", retire + ["--version", "2.0.0", "--dry-run"]))
    #expect(tried["startedBefore"] == "2.0.0")
    #expect(tried["startedAfter"] == "1.0.0")
    let retired = try JSON.parse(
      try await cluster.run("mediatorctl", retire + ["--version", "2.0.0", "--reason", "wrong"]))
    #expect(retired["versions"]?[0]?["outcome"] == "retired")
    #expect(retired["versions"]?[0]?["openInstances"] == 1)
    // From this moment on, not from the next look of a mediator.
    try await send("2 as before")
    // Nobody is there to be asked.
    let refused = try cluster.start("mediatorctl", "workflows", "retire", "note")
    #expect(try await refused.waitForExit() != 0)
    #expect(refused.log.contains("Nothing will start it any more"), "\(refused.log)")
    try await cluster.run("mediatorctl", retire + ["--yes"])
    try await send("3 too late")
    #expect(try await cluster.query("select reason from dead_letters").map { try $0.text("reason") } == ["unknownType"])
    try await cluster.run("mediatorctl", "workflows", "restore", "note", "--version", "1.0.0")
    let letters = try JSON.parse(try await cluster.run("mediatorctl", "dlq", "list", "--output", "json"))
    let letter = try #require(letters["letters"]?[0]?["id"]?.string)
    try await cluster.run("mediatorctl", "dlq", "redrive", letter)
    try await cluster.wait(for: 3, "the late one to start", "select count(*) from instances")
    for number in 1...3 { try await cluster.send([SentEvent("go.on", "go-\(number)", key: "k", [:])]) }
    try await cluster.waitForInstances(3, within: .seconds(60))
    let rows = try await cluster.query("select event_id, output::text as output from instances order by event_id")
    #expect(try rows.map { try $0.text("event_id") } == ["1 mistaken", "2 as before", "3 too late"])
    #expect(
      try rows.map { try $0.text("output") } == [#"{"version":2}"#, #"{"version":1}"#, #"{"version":1}"#])
    #expect(try await cluster.count("select count(*) from retirements") == 3)
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
