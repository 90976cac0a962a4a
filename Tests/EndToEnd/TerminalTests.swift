import Glibc
import Kafka
import Postgres
import TestSupport
import Testing
import Values

/// What `mediatorctl` asks, tells and leaves off while somebody sits before it.
@Suite(.serialized) struct TerminalTests {
  private static let asking = """
    document: {dsl: 1.0.3, namespace: ops, name: asking, version: 1.0.0}
    schedule: {on: {one: {with: {type: ops.ask}}}}
    do:
      - ask: {call: nobody}
      - done: {set: {ended: true}}
    """
  private static let letters = 400

  @Test(.timeLimit(.minutes(4))) func atATerminal() async throws {
    let cluster = try await Cluster()
    try await cluster.run("mediatorctl", "deploy", try cluster.write(Self.asking, to: "asking.yaml"))
    let mediator = try cluster.start("mediator")
    try await cluster.waitForMediator()
    try await makeLetters(cluster)

    try await nothingIsDoneWithoutAYes(cluster)
    try await aYesIsAskedFor(cluster)
    try await aBulkIsInterrupted(cluster)
    try await anInstanceIsWatched(cluster)
    try await aWorkflowIsWatched(cluster)
    #expect(try await mediator.stop() == 0, "\(mediator.log.suffix(2000))")
    await cluster.remove()
  }

  /// Of a topic that nobody reads: they do not come back.
  private func makeLetters(_ cluster: Cluster) async throws {
    let admin = try KafkaAdmin(cluster.kafka)
    try await admin.createTopic("elsewhere", partitions: 1)
    await admin.close()
    _ = try await cluster.query(
      """
      insert into dead_letters (shard, sequence, topic, partition, "offset", timestamp, headers, reason, detail)
      select 0, 1000000 + n, 'elsewhere', 0, n, 0, '', 'notJSON', 'a test' from generate_series(1, \(Self.letters)) as n
      """)
  }

  private func count(_ status: String, _ cluster: Cluster) async throws -> Int {
    try await cluster.count("select count(*) from dead_letters where status = '\(status)'")
  }

  // MARK: Questions

  /// Dead letters and instances alike: more than one, and nobody there who could be asked.
  private func nothingIsDoneWithoutAYes(_ cluster: Cluster) async throws {
    try await start(2, cluster)
    for arguments in [
      ["dlq", "redrive", "--reason", "notJSON"], ["dlq", "drop", "0-1000001", "0-1000002", "--why", "a test"],
      ["instances", "cancel", "--workflow", "asking"],
    ] {
      let process = try cluster.start("mediatorctl", arguments: arguments)
      #expect(try await process.waitForExit() == 1)
      #expect(process.log.contains("not without a yes"), "\(arguments): \(process.log)")
      #expect(process.log.contains("--yes"), "\(arguments): \(process.log)")
    }
    #expect(try await count("open", cluster) == Self.letters)
    #expect(try await cluster.count("select count(*) from instances where ended_at is null") == 2)
  }

  private func aYesIsAskedFor(_ cluster: Cluster) async throws {
    let drop = ["dlq", "drop", "0-1000001", "0-1000002", "--why", "a test"]
    #expect(try await answer("n\n", "drop 2 dead letters? [y/N]", drop, cluster) == 1)
    // The end of what is typed is no yes either.
    #expect(try await answer("\u{4}", "drop 2 dead letters? [y/N]", drop, cluster) == 1)
    #expect(try await count("open", cluster) == Self.letters)
    #expect(try await answer("y\n", "drop 2 dead letters? [y/N]", drop, cluster) == 0)
    #expect(try await count("dropped", cluster) == 2)

    let cancel = ["instances", "cancel", "--workflow", "asking"]
    #expect(try await answer("no\n", "cancel 2 instances? [y/N]", cancel, cluster) == 1)
    #expect(try await answer("yes\n", "cancel 2 instances? [y/N]", cancel, cluster) == 0)
    #expect(try await cluster.count("select count(*) from instances where status = 'cancelled'") == 2)
  }

  private func answer(
    _ keys: String, _ question: String, _ arguments: [String], _ cluster: Cluster
  ) async throws -> Int32 {
    let terminal = try PseudoTerminal()
    let process = try cluster.start("mediatorctl", arguments: arguments, at: terminal)
    try await terminal.wait(for: question)
    terminal.type(keys)
    return try await process.waitForExit()
  }

  // MARK: SIGINT

  /// What is under way is sent and marked, what is left is told, and the same command goes on with it.
  private func aBulkIsInterrupted(_ cluster: Cluster) async throws {
    let terminal = try PseudoTerminal()
    let redrive = ["dlq", "redrive", "--reason", "notJSON", "--yes", "--output", "json"]
    let process = try cluster.start("mediatorctl", arguments: redrive + ["--rate", "50/s"], at: terminal)
    try await cluster.wait(
      for: 20, "some to be sent", "select count(*) from dead_letters where status = 'redriven'")
    terminal.type("\u{3}")
    #expect(try await process.waitForExit() == 130)
    let report = try JSON.parse(process.output)
    let (sent, left) = (report["sent"]?.array?.count ?? 0, report["left"]?.int ?? 0)
    #expect(report["interrupted"] == true)
    #expect(left > 0)
    #expect(sent + left == Self.letters - 2)
    try await terminal.wait(for: "interrupted with \(left) dead letters left")
    #expect(try await count("redriven", cluster) == sent)
    #expect(try await cluster.scan("elsewhere").count == sent)

    try await cluster.run("mediatorctl", redrive)
    #expect(try await count("redriven", cluster) == Self.letters - 2)
    // Each once: those that were sent are not open any more.
    #expect(try await cluster.scan("elsewhere").count == Self.letters - 2)
  }

  // MARK: Watching

  private func anInstanceIsWatched(_ cluster: Cluster) async throws {
    let id = try #require(try await start(1, cluster).first)
    let watch = try cluster.start("mediatorctl", "watch", id, "--interval", "100ms", "--output", "json")
    try await poll(within: .seconds(20), "its beginning") { kinds(watch).contains("task.requested") ? true : nil }
    // It goes on watching for as long as the instance runs.
    #expect(watch.exitStatus == nil)
    #expect(!kinds(watch).contains("workflow.completed"))
    try await cluster.run("mediatorctl", "instances", "skip", id, "--task", "/do/0/ask", "--with", "{}")
    #expect(try await watch.waitForExit(within: .seconds(20)) == 0, "\(watch.log)")
    #expect(kinds(watch).first == "workflow.started")
    #expect(kinds(watch).last == "workflow.completed")
    #expect(Set(lines(watch).compactMap { $0["instance"]?.string }) == [id])
    let sequences = lines(watch).compactMap { $0["sequence"]?.int }
    #expect(Set(sequences).count == sequences.count && sequences == sequences.sorted(), "a row twice, or out of order")
  }

  /// What begins meanwhile is seen, what was before is not, and Ctrl-C ends it.
  private func aWorkflowIsWatched(_ cluster: Cluster) async throws {
    let terminal = try PseudoTerminal()
    let watch = try cluster.start(
      "mediatorctl",
      arguments: ["watch", "--workflow", "ops/asking", "--interval", "100ms", "--output", "json"], at: terminal)
    // It begins at some moment: from then on it sees each.
    var started: Set<String> = []
    try await poll(within: .seconds(30), every: .milliseconds(500), "an instance to be seen") {
      started.formUnion(try await start(1, cluster))
      return kinds(watch).contains("workflow.started") ? true : nil
    }
    let seen = Set(lines(watch).compactMap { $0["instance"]?.string })
    #expect(seen.isSubset(of: started), "what was before is none of its business")
    terminal.type("\u{3}")
    #expect(try await watch.waitForExit(within: .seconds(10)) == 130)
  }

  private func lines(_ process: ServiceProcess) -> [JSON] {
    // The last one may be half written.
    process.output.split(separator: "\n").compactMap { try? JSON.parse(String($0)) }
  }

  private func kinds(_ process: ServiceProcess) -> [String] {
    lines(process).flatMap { $0["entries"]?.array ?? [] }.compactMap { $0["is"]?.string }
  }

  /// - Returns: the ids of the instances that wait for a reply now and did not before.
  @discardableResult
  private func start(_ count: Int, _ cluster: Cluster) async throws -> Set<String> {
    let open = "select id::text as id from instances where ended_at is null"
    let before = Set(try await cluster.query(open).map { try $0.text("id") })
    try await cluster.send((0..<count).map { _ in SentEvent("ops.ask", "\(UInt64.random(in: 0 ... .max))", ["a": 1]) })
    return try await poll(within: .seconds(30), "\(count) instances to begin") {
      let now = Set(try await cluster.query(open).map { try $0.text("id") }).subtracting(before)
      return now.count >= count ? now : nil
    }
  }
}
