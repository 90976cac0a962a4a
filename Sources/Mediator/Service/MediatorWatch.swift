import Kafka
import Logging
import Metrics
import Postgres
import Values

/// Looks after what no batch loop sees: channels that nobody consumes, instances that would hang unseen, and that the
/// halted partitions of this process are known to those who ask the database.
///
/// It works beside the loops, on clients of its own, and what it cannot do it does the next time: nothing waits for it.
struct MediatorWatch: Sendable {
  let pool: PostgresPool
  let reader: ChannelReader
  let registry: DefinitionRegistry
  let status: MediatorStatus
  let mediatorID: String
  let logger: Logger

  /// A channel that nobody consumes is seen after two looks.
  static let pause = Duration.seconds(4)
  /// Looks from one reconciliation to the next.
  private static let looksPerReconciliation = 15
  /// Instances that are looked at per shard and reconciliation.
  static let page = 500
  /// What is older than this is on its way no more.
  static let age = Duration.seconds(60)

  /// Runs until its task is cancelled.
  func run() async {
    var channels = ChannelWatch()
    var places: [Int32: ForgottenQueries.Place] = [:]
    var look = 0
    while !Task.isCancelled {
      await watchChannels(&channels)
      await tellHalts()
      await measureLoads()
      if look % Self.looksPerReconciliation == 1 { await reconcile(&places) }
      look += 1
      // No server tells of a channel that nobody consumes: it is found by looking.
      try? await Task.sleep(for: Self.pause)
    }
  }

  // MARK: Channels

  private func watchChannels(_ watch: inout ChannelWatch) async {
    guard let catalog = try? await registry.current(), !catalog.channels.isEmpty else { return }
    let facts: [String: ChannelFacts]
    do throws(KafkaError) {
      facts = try await reader.facts(of: catalog.channels)
    } catch {
      // That the broker is away is told elsewhere.
      logger.debug("channels could not be looked at", metadata: ["reason": "\(error)"])
      return
    }
    for change in watch.observe(Array(facts.values)) { tell(change) }
    for (channel, state) in watch.states {
      let dimensions = [("channel", channel)]
      Gauge(label: "mediator_channel_unserved", dimensions: dimensions).record(state.isServed ? 0 : 1)
      Gauge(label: "mediator_channel_lag", dimensions: dimensions).record(facts[channel]?.lag ?? 0)
    }
    status.unserved(watch.unserved.map(\.channel))
  }

  private func tell(_ change: ChannelWatch.Change) {
    var metadata: Logger.Metadata = ["channel": "\(change.channel)", "unread": "\(change.unread)"]
    switch change.state {
    case .served: logger.notice("channel is consumed", metadata: metadata)
    case .neverConsumed: logger.warning("nobody consumes the channel", metadata: metadata)
    case .stopped(let group):
      metadata["group"] = "\(group)"
      logger.warning("nobody consumes the channel any more", metadata: metadata)
    }
  }

  /// Of all shards, whoever owns them.
  private func measureLoads() async {
    let load = PostgresStatement(
      "select channel, sum(in_flight)::int8 as in_flight, sum(queued)::int8 as queued from channel_loads group by channel"
    )
    guard let rows = try? await pool.run(timeout: .seconds(5), [load]).first else { return }
    for row in rows {
      guard let channel = try? row.text("channel") else { continue }
      let dimensions = [("channel", channel)]
      Gauge(label: "mediator_calls_in_flight", dimensions: dimensions).record((try? row.int("in_flight")) ?? 0)
      Gauge(label: "mediator_calls_queued", dimensions: dimensions).record((try? row.int("queued")) ?? 0)
    }
  }

  // MARK: Halted partitions

  private func tellHalts() async {
    await liftHalts()
    let halts = status.halts.current.sorted { $0.key < $1.key }
    let (topics, partitions) = (halts.map(\.key.topic), halts.map(\.key.partition))
    _ = try? await pool.run(
      timeout: .seconds(5),
      [
        PostgresStatement(
          """
          delete from halted_partitions h
           where not exists (select from mediators where id = h.mediator)
              or (h.mediator = $1
                  and not exists (select from unnest($2::text[], $3::int4[]) as x(topic, partition)
                                   where x.topic = h.topic and x.partition = h.partition))
          """, [.text(mediatorID), .texts(topics), .int4s(partitions)]),
        PostgresStatement(
          """
          insert into halted_partitions as h (mediator, topic, partition, reason, decision)
          select $1, * from unnest($2::text[], $3::int4[], $4::text[], $5::int8[])
          on conflict (mediator, topic, partition) do update
            set reason = excluded.reason, decision = excluded.decision, since = now()
            where h.decision < excluded.decision
          """,
          [
            .text(mediatorID), .texts(topics), .int4s(partitions), .texts(halts.map(\.value.reason)),
            .int8s(halts.map(\.value.decision)),
          ]),
      ])
  }

  /// An operator may have decided about partitions whose shard is somebody else's by now: nobody here would look.
  private func liftHalts() async {
    let halted = status.halts.current.keys.sorted()
    guard !halted.isEmpty else { return }
    let statement = PostgresStatement(
      """
      select topic, partition, max(number) as decision from position_decisions
       where (topic, partition) in (select * from unnest($1::text[], $2::int4[])) group by 1, 2
      """, [.texts(halted.map(\.topic)), .int4s(halted.map(\.partition))])
    guard let rows = try? await pool.run(timeout: .seconds(5), [statement]).first else { return }
    var decisions: [TopicPartition: Int64] = [:]
    for row in rows {
      guard let topic = try? row.text("topic"), let partition = try? row.int("partition"),
        let decision = try? row.int64("decision")
      else { continue }
      decisions[TopicPartition(topic: topic, partition: Int32(partition))] = decision
    }
    status.halts.lift(decisions)
  }

  // MARK: Reconciling

  private func reconcile(_ places: inout [Int32: ForgottenQueries.Place]) async {
    let queries = ForgottenQueries(pool: pool, timeout: .seconds(10))
    for shard in status.ownedShards {
      do throws(MediatorError) {
        let page = try await queries.unattended(shard: shard, age: Self.age, after: places[shard], limit: Self.page)
        places[shard] = page.next
        let others =
          try await queries.orphans(shard: shard, age: Self.age, limit: Self.page)
          + queries.overdue(shard: shard, age: Self.age, limit: Self.page)
        for forgotten in page.found + others { try await handle(forgotten, queries) }
      } catch {
        logger.debug("could not reconcile", metadata: ["shard": "\(shard)", "reason": "\(error.message)"])
      }
    }
  }

  private func handle(_ forgotten: Forgotten, _ queries: ForgottenQueries) async throws(MediatorError) {
    Counter(label: "mediator_reconciler_findings_total", dimensions: [("kind", forgotten.kind.rawValue)]).increment()
    let metadata: Logger.Metadata = [
      "instance": "\(forgotten.instance.text)", "kind": "\(forgotten.kind.rawValue)",
    ]
    guard forgotten.isMendedByWaking else {
      return logger.warning("instance makes no progress: see 'mediatorctl why'", metadata: metadata)
    }
    try await queries.wake(forgotten.instance)
    logger.warning("instance was forgotten and is woken", metadata: metadata)
  }
}
