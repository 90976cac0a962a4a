import Kafka
import Postgres
import TestSupport
import Testing
import Values

/// What operators do to instances, through the programs.
@Suite(.serialized) struct OperatorTests {
  private static let asking = """
    document: {dsl: 1.0.3, namespace: ops, name: asking, version: 1.0.0}
    schedule: {on: {one: {with: {type: ops.ask}}}}
    do:
      - note: {set: {a: 1}, export: {as: {noted: true}}}
      - ask: {call: nobody, with: {a: "${ .a }"}, timeout: {after: {seconds: 1}}}
      - tell: {set: {answer: "${ .answer }", noted: "${ $context.noted }"}}
    """
  private static let waiting = """
    document: {dsl: 1.0.3, namespace: ops, name: waiting, version: 1.0.0}
    schedule: {on: {one: {with: {type: ops.wait}}}}
    do:
      - pause: {wait: {seconds: 5}}
      - done: {set: {ended: true}}
    """

  @Test(.timeLimit(.minutes(4))) func verbsThroughThePrograms() async throws {
    let cluster = try await Cluster()
    try await cluster.run("mediatorctl", "deploy", try cluster.write(Self.asking, to: "asking.yaml"))
    try await cluster.run("mediatorctl", "deploy", try cluster.write(Self.waiting, to: "waiting.yaml"))
    let mediator = try cluster.start("mediator")
    try await cluster.waitForMediator()

    try await faultedInstances(cluster)
    try await openInstances(cluster)
    try await otherVersions(cluster)

    let audit = try JSON.parse(try await cluster.run("mediatorctl", "audit", "--output", "json"))
    let verbs = (audit["operations"]?.array ?? []).compactMap { $0["verb"]?.string }
    #expect(Set(verbs) == ["retry", "skip", "override", "rerun", "replay", "resume", "suspend", "cancel", "migrate"])
    #expect(audit["operations"]?.array?.allSatisfy { $0["author"]?.string == "ann" } == true)
    #expect(try await mediator.stop() == 0, "\(mediator.log.suffix(2000))")
    await cluster.remove()
  }

  /// Nobody answers, so the call times out; an operator retries, and then says what the answer is.
  private func faultedInstances(_ cluster: Cluster) async throws {
    for id in ["1", "2", "3"] { try await emit("ops.ask", id, cluster) }
    try await cluster.waitForInstances(3, within: .seconds(60))
    let ids = try await ids(of: "asking", cluster)
    let before = try await status(ids[0], cluster)
    try await operate(cluster, "retry", ids[0], "--dry-run")
    #expect(try await status(ids[0], cluster) == before)

    // More than one, and nobody who could say yes.
    _ = try await operate(cluster, "retry", "--workflow", "asking", expecting: 1)
    #expect(try await cluster.count("select count(*) from audit") == 0)

    let retried = try await operate(cluster, "retry", "--workflow", "asking", "--task", "ask", "--yes")
    #expect(retried["instances"]?.array?.compactMap { $0["outcome"]?.string } == ["applied", "applied", "applied"])
    try await cluster.waitForInstances(3, within: .seconds(60))
    // The same call: its effect may have happened, so it keeps its idempotency key.
    let records = try await cluster.scan("mediator.channel.nobody")
    let keys = records.compactMap { $0.headers.first { $0.name == "ce_idempotencykey" }?.value }
    #expect(records.count == 6)
    #expect(Set(keys).count == 3)

    let skip = ["skip", ids[0], "--with", #"{"answer": 42}"#, "--request-id", "once"]
    try await operate(cluster, skip)
    #expect(try await output(ids[0], cluster) == ["answer": 42, "noted": true])
    // The same request once more is the same command: it finds what became of it.
    let again = try await operate(cluster, skip)
    #expect(again["instances"]?[0]?["outcome"]?.string == "applied")
    let other = try await operate(cluster, "skip", ids[0], "--with", "1", expecting: 1)
    #expect(other["instances"]?[0]?["outcome"]?.string == "refused")

    try await otherData(ids[2], cluster)
    try await onceMore(ids[0], cluster)

    let tried = try await operate(cluster, "replay", ids[1], "--dry-run")
    #expect(
      tried["instances"]?[0]?["entries"]?.array?.contains { $0["is"]?.string == "task.requested" } == true, "\(tried)")
    let replay = try await operate(cluster, "replay", ids[1])
    let new = try #require(replay["instances"]?[0]?["result"]?.string)
    #expect(try await status(new, cluster) != nil)
    try await cluster.waitForInstances(4, within: .seconds(60))
  }

  /// The failed task gets another input, and is tried again with it.
  private func otherData(_ id: String, _ cluster: Cluster) async throws {
    try await operate(cluster, "override", id, "--input", #"{"a": 5}"#)
    try await operate(cluster, "retry", id)
    try await cluster.waitForInstances(3, within: .seconds(60))
    let data = try await cluster.scan("mediator.channel.nobody").map { try JSON.parse($0.value ?? []) }
    #expect(data.count { $0["a"] == 5 } == 1, "\(data)")
  }

  /// A completed instance runs again from a task on; what that does to the world is told first.
  private func onceMore(_ id: String, _ cluster: Cluster) async throws {
    let arguments = ["instances", "rerun", id, "--from", "ask", "--author", "ann"]
    let dry = try cluster.start("mediatorctl", arguments: arguments + ["--dry-run"])
    #expect(try await dry.waitForExit() == 0)
    #expect(dry.log.contains("This may happen again:\n  /do/1/ask  calls nobody"), "\(dry.log)")
    #expect(try await status(id, cluster) == "completed")
    // Nobody is there who could say yes.
    #expect(try await cluster.start("mediatorctl", arguments: arguments).waitForExit() == 1)
    try await cluster.run("mediatorctl", arguments + ["--yes"])
    try await cluster.waitForInstances(3, within: .seconds(60))
    #expect(try await status(id, cluster) == "faulted")
  }

  private func openInstances(_ cluster: Cluster) async throws {
    try await emit("ops.wait", "w1", cluster)
    try await emit("ops.wait", "w2", cluster)
    try await poll(within: .seconds(30), "both to wait") {
      try await cluster.count("select count(*) from instances where status = 'waiting'") == 2 ? true : nil
    }
    let ids = try await ids(of: "waiting", cluster)
    try await operate(cluster, "suspend", ids[0])
    #expect(try await status(ids[0], cluster) == "suspended")
    try await operate(cluster, "cancel", ids[1])
    #expect(try await status(ids[1], cluster) == "cancelled")
    // Its time would have been over by then.
    try await Task.sleep(for: .seconds(6))
    #expect(try await status(ids[0], cluster) == "suspended")
    try await operate(cluster, "resume", ids[0])
    try await poll(within: .seconds(30), "it to end") {
      try await self.status(ids[0], cluster) == "completed" ? true : nil
    }
  }

  private static func moving(_ version: String, _ tasks: String) -> String {
    """
    document: {dsl: 1.0.3, namespace: ops, name: moving, version: \(version)}
    schedule: {on: {one: {with: {type: ops.move}}}}
    do: \(tasks)
    """
  }

  /// An instance waits while newer versions are deployed, and goes on in the one that has its open task.
  private func otherVersions(_ cluster: Cluster) async throws {
    func deploy(_ version: String, _ tasks: String) async throws {
      let path = try cluster.write(Self.moving(version, tasks), to: "moving-\(version).yaml")
      try await cluster.run("mediatorctl", "deploy", path)
    }
    try await deploy("1.0.0", "[{pause: {wait: {hours: 1}}}, {done: {set: {v: 1}}}]")
    for id in ["m1", "m2"] { try await emit("ops.move", id, cluster) }
    try await poll(within: .seconds(30), "both to wait") {
      try await cluster.count("select count(*) from instances where status = 'waiting'") == 2 ? true : nil
    }
    try await deploy("1.1.0", "[{first: {set: {x: 1}}}, {pause: {wait: {hours: 1}}}, {done: {set: {v: 2}}}]")
    try await deploy("2.0.0", "[{other: {wait: {hours: 1}}}]")
    let id = try await ids(of: "moving", cluster)[0]

    let unsafe = try await operate(cluster, "migrate", id, "--to", "latest", "--plan", expecting: 1)
    #expect(unsafe["instances"]?[0]?["plan"]?["refusals"]?[0]?["code"]?.string == "taskGone")
    let refused = try await operate(cluster, "migrate", id, "--to", "2.0.0", expecting: 1)
    #expect(refused["instances"]?[0]?["outcome"]?.string == "refused")
    let plan = try await operate(cluster, "migrate", id, "--to", "1.1.0", "--plan")
    #expect(plan["instances"]?[0]?["plan"]?["tasks"]?[0]?["to"]?.string == "/do/1/pause")
    let dry = try await operate(cluster, "migrate", id, "--to", "1.1.0", "--dry-run")
    #expect(dry["instances"]?[0]?["outcome"]?.string == "would be applied")
    #expect(try await version(id, cluster) == "1.0.0")
    _ = try await cluster.run("mediatorctl", ["instances", "migrate", id, "--to", "3.0.0"], expecting: 4)

    // Asked for twice with one id, it is done once; a query leaves out what runs that version already.
    let migrate = ["migrate", "--workflow", "moving", "--to", "1.1.0", "--yes"]
    for _ in 1...2 {
      try await operate(cluster, ["migrate", id, "--to", "1.1.0", "--request-id", "move"])
    }
    #expect(try await operate(cluster, migrate)["instances"]?.array?.count == 1)
    #expect(try await operate(cluster, migrate)["instances"]?.array?.isEmpty == true)
    #expect(try await version(id, cluster) == "1.1.0")
    try await itsStory(id, cluster)

    try await operate(cluster, "skip", id, "--task", "/do/1/pause", "--with", "null")
    #expect(try await output(id, cluster) == ["v": 2])
  }

  /// Its past is told in the version that it ran then, its present in the new one.
  private func itsStory(_ id: String, _ cluster: Cluster) async throws {
    func told(_ command: [String]) async throws -> JSON {
      try JSON.parse(try await cluster.run("mediatorctl", command + ["--output", "json"]))
    }
    let shown = try await told(["instances", "show", id])
    #expect(shown["workflow"]?["version"]?.string == "1.1.0")
    #expect(shown["tasks"]?[0]?["reference"]?.string == "/do/1/pause")
    #expect(shown["migrations"]?[0]?["from"]?.string == "1.0.0")
    let rows = try await told(["at", id])["rows"]?.array ?? []
    #expect(rows.count == 2)
    let first = try await told(["at", id, "--seq", "\(rows.first?["sequence"]?.int ?? 0)"])
    #expect(first["version"]?.string == "1.0.0")
    #expect(first["tasks"]?[0]?["reference"]?.string == "/do/0/pause")
    let last = try await told(["at", id, "--seq", "\(rows.last?["sequence"]?.int ?? 0)"])
    #expect(last["version"]?.string == "1.1.0")
    #expect(last["tasks"]?[0]?["reference"]?.string == "/do/1/pause")
    #expect(try await told(["timeline", id])["migrations"]?.array?.count == 1)
    _ = try await told(["why", id])
  }

  // MARK: -

  private func version(_ id: String, _ cluster: Cluster) async throws -> String? {
    try await cluster.query(
      "select d.version from instances i join definitions d on d.number = i.definition where i.id = '\(id)'"
    ).first?.text("version")
  }

  private func emit(_ type: String, _ id: String, _ cluster: Cluster) async throws {
    try await cluster.run("mediatorctl", "events", "emit", "--type", type, "--id", id, "--data", "{}")
  }

  @discardableResult
  private func operate(
    _ cluster: Cluster, _ arguments: String..., expecting status: Int32 = 0
  ) async throws -> JSON {
    try await operate(cluster, arguments, expecting: status)
  }

  @discardableResult
  private func operate(_ cluster: Cluster, _ arguments: [String], expecting status: Int32 = 0) async throws -> JSON {
    let all = ["instances"] + arguments + ["--author", "ann", "--reason", "test", "--output", "json"]
    let output = try await cluster.run("mediatorctl", all, expecting: status)
    return output.isEmpty ? .null : try JSON.parse(output)
  }

  private func ids(of workflow: String, _ cluster: Cluster) async throws -> [String] {
    let rows = try await cluster.query(
      """
      select i.id::text as id from instances i join definitions d on d.number = i.definition
       where d.name = '\(workflow)' order by i.started_at, i.id
      """)
    return try rows.map { try $0.text("id") }
  }

  private func status(_ id: String, _ cluster: Cluster) async throws -> String? {
    try await cluster.query("select status from instances where id = '\(id)'").first?.text("status")
  }

  private func output(_ id: String, _ cluster: Cluster) async throws -> JSON? {
    let text = try await cluster.query("select output::text as output from instances where id = '\(id)'").first?
      .optionalText("output")
    return try text.map { try JSON.parse($0) }
  }
}
