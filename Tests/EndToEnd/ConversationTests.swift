import Kafka
import Postgres
import TestSupport
import Testing
import Values

/// Workflows that talk to each other by events, across shards and mediators, one of which dies in the middle of it.
@Suite(.serialized) struct ConversationTests {
  private static let orders = 12, pairs = 6, parcels = 8, machines = 3, steps = 4

  @Test(.timeLimit(.minutes(4))) func conversationsSurviveTheDeathOfAMediator() async throws {
    let cluster = try await Cluster(lifecycle: "all")
    for (name, text) in Conversations.all {
      try await cluster.run("mediatorctl", "deploy", try cluster.write(text, to: "\(name).yaml"))
    }
    let first = try cluster.start("mediator", "--id", "first")
    let second = try cluster.start("mediator", "--id", "second")
    let echo = try cluster.start("processor", "echo")
    try await cluster.wait(
      for: 2, "both mediators to hold shards",
      "select count(distinct owner) from shards where expires_at > clock_timestamp()")

    // Events that come before anybody listens to them.
    try await cluster.send((1...Self.parcels / 2).map(Self.parcel))
    try await cluster.wait(for: Self.parcels / 2, "the parcels", "select count(*) from events where not consumed")

    try await cluster.send((1...Self.orders / 2).map(Self.order) + Self.allSteps)
    try await cluster.send((1...Self.pairs).map { Self.half("left", $0) } + (1...Self.parcels).map(Self.pickup))
    try await cluster.wait(
      for: Self.parcels / 2, "those who wait for the other parcels",
      "select count(*) from waits where type = 'parcel.arrived'")
    try await cluster.wait(
      for: 1, "the second mediator to have something open",
      "select count(*) from instances join shards using (shard) where owner = 'second' and ended_at is null")
    let before = try await cluster.count("select count(*) from instances where ended_at is null")
    await second.kill()
    #expect(before > 0)

    try await cluster.send((1 + Self.orders / 2...Self.orders).map(Self.order))
    try await cluster.send((1...Self.pairs).map { Self.half("right", $0) })
    try await cluster.send((1 + Self.parcels / 2...Self.parcels).map(Self.parcel))
    try await verifyEndings(cluster)
    try await verifySchedules(cluster)
    #expect(try await first.stop() == 0, "\(first.log.suffix(2000))")
    #expect(try await echo.stop() == 0, "\(echo.log.suffix(2000))")

    try await verifyConversations(cluster)
    try await verifyOrder(cluster)
    try await verifyLifecycle(cluster)
    await cluster.remove()
  }

  // MARK: Events

  private static func order(_ number: Int) -> SentEvent {
    SentEvent("order.placed", "order-\(number)", ["order": .number(JSONNumber(number))])
  }

  private static func parcel(_ number: Int) -> SentEvent {
    SentEvent(
      "parcel.arrived", "parcel-\(number)", ["parcel": .number(JSONNumber(number)), "shelf": .string("S\(number)")])
  }

  private static func pickup(_ number: Int) -> SentEvent {
    SentEvent("pickup.planned", "pickup-\(number)", ["parcel": .number(JSONNumber(number))])
  }

  private static func half(_ type: String, _ pair: Int) -> SentEvent {
    SentEvent(type, "\(type)-\(pair)", ["pair": .number(JSONNumber(pair)), "side": .string(type)])
  }

  private static var allSteps: [SentEvent] {
    (1...steps).flatMap { step in
      (1...machines).map { machine in
        let name = "machine-\(machine)"
        return SentEvent(
          "machine.step", "\(name)-\(step)", key: name,
          ["machine": .string(name), "step": .number(JSONNumber(step))])
      }
    }
  }

  // MARK: What must be true

  /// Instances that schedules start go on and on; the others are known.
  private static let talking = """
    instances i join definitions d on d.number = i.definition where d.name not in ('every', 'after')
    """

  private func verifyEndings(_ cluster: Cluster) async throws {
    let expected = [
      "ask": Self.orders, "both": Self.pairs, "check": Self.orders, "pickup": Self.parcels,
      "serial": Self.machines * Self.steps, "tell": Self.orders,
    ]
    let total = expected.values.reduce(0, +)
    do {
      try await cluster.wait(
        for: total, within: .seconds(90), "all instances to end",
        "select count(*) from \(Self.talking) and i.ended_at is not null")
    } catch {
      let rows = try await cluster.query(
        "select d.name as name, i.status as status, count(*) as n from \(Self.talking) group by 1, 2 order by 1, 2")
      let seen = try rows.map { "\(try $0.text("name")) \(try $0.text("status")): \(try $0.int("n"))" }
      throw ServiceProcess.Failure("\(error), of \(total): \(seen)")
    }
    var completed: [String: Int] = [:]
    for row in try await cluster.query("select d.name as name, i.status as status from \(Self.talking)") {
      #expect(try row.text("status") == "completed")
      completed[try row.text("name"), default: 0] += 1
    }
    #expect(completed == expected)
    #expect(try await cluster.count("select count(*) from waits") == 0)
    #expect(try await cluster.count("select count(*) from inbox") == 0)
    #expect(try await cluster.count("select count(*) from collected") == 0)
    #expect(try await cluster.count("select count(*) from events where not consumed and not used") == 0)
    #expect(try await cluster.count("select count(*) from dead_letters") == 0)
  }

  /// Every time fires one instance, and goes on firing after the one who did is dead.
  private func verifySchedules(_ cluster: Cluster) async throws {
    func starts(_ name: String) -> String {
      "select i.* from instances i join definitions d on d.number = i.definition where d.name = '\(name)'"
    }
    for name in ["every", "after"] {
      let known = try await cluster.count("select count(*) from (\(starts(name))) s")
      try await cluster.wait(for: max(known + 2, 4), "'\(name)' to fire", "select count(*) from (\(starts(name))) s")
    }
    let early = try await cluster.count(
      """
      select count(*) from (select event_id::timestamptz - lag(event_id::timestamptz) over (order by started_at) as gap
      from (\(starts("every"))) s) g where gap < interval '2 seconds'
      """)
    #expect(early == 0)
    let hasty = try await cluster.count(
      """
      select count(*) from (select started_at - lag(ended_at) over (order by started_at) as gap
      from (\(starts("after"))) s) g where gap < interval '1 second'
      """)
    #expect(hasty == 0)
    #expect(try await cluster.count("select count(*) from (\(starts("every"))) s where ended_at is null") == 0)
    #expect(try await cluster.count("select count(*) from (\(starts("after"))) s where ended_at is null") <= 1)
  }

  private func verifyConversations(_ cluster: Cluster) async throws {
    func outputs(_ name: String) async throws -> [JSON] {
      try await cluster.query(
        "select i.output::text as output from \(Self.talking) and d.name = '\(name)'"
      ).map { try JSON.parse(try $0.text("output")) }
    }
    // The price of an order is 10 and its number, so that an answer to another order would be seen.
    let asked = try await outputs("ask").map { $0["order"]?.int }
    #expect(Set(asked) == Set(1...Self.orders))
    for output in try await outputs("ask") {
      #expect(output["price"]?.int == output["order"]?.int.map { $0 + 10 })
      #expect(output["isCheap"]?.bool == output["order"]?.int.map { $0 < 6 })
    }
    // Events and their listeners lived on different shards.
    let apart = try await cluster.count(
      """
      select count(*) from instances i join events e
        on e.id like 'parcel-%' and replace(e.id, 'parcel', 'pickup') = i.event_id where e.shard <> i.shard
      """)
    #expect(apart > 0)
    let parents = try await cluster.count(
      """
      select count(distinct p.id) from instances c join instances p on p.id = c.parent
        join definitions d on d.number = p.definition where d.name = 'ask'
      """)
    #expect(parents == Self.orders)
    let shelves = try await outputs("pickup").map { "\($0["parcel"]?.int ?? 0) \($0["shelf"]?.string ?? "")" }
    #expect(shelves.sorted() == (1...Self.parcels).map { "\($0) S\($0)" }.sorted())
    let pairs = try await outputs("both")
    #expect(Set(pairs.map { $0["got"]?[0]?["pair"]?.int }) == Set(1...Self.pairs))
    for pair in pairs {
      #expect(pair["got"]?.array?.map { $0["side"] } == ["left", "right"])
      #expect(pair["got"]?[0]?["pair"] == pair["got"]?[1]?["pair"])
    }
  }

  /// Instances of one key run one after another, in the order of their events.
  private func verifyOrder(_ cluster: Cluster) async throws {
    let runs = """
      select i.id, i.order_key, i.ended_at, i.output, min(j.at) as begun_at from instances i
        join journal j on j.instance = i.id
       where i.order_key is not null and j.entries::text like '%workflow.started%' group by i.id
      """
    #expect(try await cluster.count("select count(*) from (\(runs)) r") == Self.machines * Self.steps)
    let overlaps = try await cluster.count(
      """
      with runs as (\(runs)) select count(*) from runs a join runs b on a.order_key = b.order_key and a.id < b.id
       where a.begun_at < b.ended_at and b.begun_at < a.ended_at
      """)
    #expect(overlaps == 0)
    var order: [String: [Int]] = [:]
    for row in try await cluster.query(
      "select output->>'machine' as machine, (output->>'step')::int as step from (\(runs)) r order by begun_at")
    {
      order[try row.text("machine"), default: []].append(try row.int("step"))
    }
    #expect(order.count == Self.machines)
    for (machine, steps) in order { #expect(steps == Array(1...Self.steps), "\(machine)") }
  }

  /// Each instance says once that it began and that it ended; a repeat has the same id.
  private func verifyLifecycle(_ cluster: Cluster) async throws {
    var events: [String: (type: String, subject: String)] = [:]
    for record in try await cluster.scan("mediator.lifecycle") {
      let id = try #require(record.header("ce_id"))
      events[id] = (try #require(record.header("ce_type")), try #require(record.header("ce_subject")))
    }
    let ids = try await cluster.query("select i.id::text as id, d.name as name from \(Self.talking)")
    for row in ids {
      let (id, name) = (try row.text("id"), try row.text("name"))
      let types = events.values.filter { $0.subject == id }.map(\.type)
      for kind in ["workflow.started", "workflow.completed"] {
        #expect(types.count { $0 == "io.serverlessworkflow.\(kind).v1" } == 1, "\(name): \(types)")
      }
      if name == "ask" {
        #expect(types.count { $0 == "io.serverlessworkflow.task.started.v1" } == 4, "\(types)")
        #expect(types.count { $0 == "io.serverlessworkflow.task.completed.v1" } == 4, "\(types)")
      }
    }
  }
}
