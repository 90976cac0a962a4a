import Engine
import Kafka
import Postgres
import Values
import Wire
import Workflow

/// Collects what a diagnosis of one instance needs to know. Reads only.
public struct DiagnosisQueries: Sendable {
  private let pool: PostgresPool
  private let timeout: Duration
  private let instances: InstanceQueries
  private let events: EventSightings

  /// How many instances deep the reason is looked for where one waits for another.
  static let maxDepth = 8

  public init(pool: PostgresPool, timeout: Duration = .seconds(10)) {
    self.pool = pool
    self.timeout = timeout
    instances = InstanceQueries(pool: pool, timeout: timeout)
    events = EventSightings(pool: pool, timeout: timeout)
  }

  /// Everything about one instance.
  ///
  /// - Parameters:
  ///   - channels: nil when Kafka cannot be asked, for the reason `kafkaProblem`.
  /// - Returns: nil when there is no such instance.
  public func facts(
    of id: UUIDValue, channels: ChannelReader?, kafkaProblem: String? = nil
  ) async throws(MediatorError) -> InstanceFacts? {
    try await facts(of: id, channels: channels, kafkaProblem: kafkaProblem, depth: 0)
  }

  private func facts(
    of id: UUIDValue, channels: ChannelReader?, kafkaProblem: String?, depth: Int
  ) async throws(MediatorError) -> InstanceFacts? {
    guard let detail = try await instances.detail(id) else { return nil }
    var facts = try await circumstances(of: detail)
    facts.kafkaProblem = kafkaProblem
    guard !detail.summary.status.isTerminal else { return facts }
    let definition = try await definition(of: id)
    facts.definitionProblem = definition.problem
    if let definition = definition.definition { facts.waits = try await waits(of: detail, definition) }
    if detail.summary.status == .suspended { facts.suspension = try await suspension(of: id) }
    for activity in detail.leaves {
      guard case .child(let child) = activity.phase else { continue }
      facts.children[child] = try await self.child(child, channels, kafkaProblem, depth)
    }
    if let channels {
      do throws(KafkaError) {
        try await channels.complete(&facts)
      } catch {
        facts.kafkaProblem = "\(error)"
      }
    }
    return facts
  }

  private func child(
    _ id: UUIDValue, _ channels: ChannelReader?, _ kafkaProblem: String?, _ depth: Int
  ) async throws(MediatorError) -> InstanceFacts.Child? {
    guard depth < Self.maxDepth else {
      return try await instances.summaries(of: [id]).first.map { InstanceFacts.Child(status: $0.status, because: nil) }
    }
    guard
      let facts = try await facts(of: id, channels: channels, kafkaProblem: kafkaProblem, depth: depth + 1)
    else { return nil }
    let because = facts.detail.summary.status.isTerminal ? nil : Diagnosis(facts).findings.first?.cause.summary
    return InstanceFacts.Child(status: facts.detail.summary.status, because: because)
  }

  // MARK: Circumstances

  private func circumstances(of detail: InstanceDetail) async throws(MediatorError) -> InstanceFacts {
    let id = PostgresValue.uuid(PostgresUUID(detail.summary.id))
    let shard = PostgresValue.int4(detail.summary.shard)
    let results = try await pool.snapshot(
      timeout: timeout,
      [
        PostgresStatement("select clock_timestamp() as now"),
        PostgresStatement(
          """
          select owner, nullif(expires_at, '-infinity') as lease, journal_head, publish_mark
            from shards where shard = $1
          """, [shard]),
        PostgresStatement(
          "select count(*) as alive from mediators where seen_at > clock_timestamp() - interval '5 seconds'"),
        PostgresStatement(Self.halted, []),
        PostgresStatement(Self.order, [id]),
        PostgresStatement(Self.queues, [shard, id]),
      ])
    return try store { () throws(PostgresError) in
      let now = try results[0][0].time("now")
      var facts = InstanceFacts(
        now: now, detail: detail, shard: try Self.shard(results[1], number: detail.summary.shard),
        mediators: try results[2][0].int("alive"),
        halted: try Self.halted(results[3]).filter { $0.isReplies(of: detail.summary.shard) },
        orderKey: try Self.orderKey(results[4]), waits: [], children: [:])
      for row in results[5] {
        var queue = Cause.Queue(channel: try row.text("channel"))
        queue.inFlight = try row.int64("in_flight")
        queue.ownInFlight = try row.int64("own")
        queue.queued = try row.int64("queued")
        facts.queues[queue.channel] = queue
      }
      return facts
    }
  }

  /// Of mediators that are gone nothing is halted any more, nor what an operator has decided about since.
  static let halted = """
    select h.topic, h.partition, h.reason, h.mediator, h.since
      from halted_partitions h join mediators m on m.id = h.mediator
     where not exists (select from position_decisions d
                        where d.topic = h.topic and d.partition = h.partition and d.number > h.decision)
     order by h.since limit 1000
    """

  static func halted(_ rows: PostgresRows) throws(PostgresError) -> [HaltedPartition] {
    var halted: [HaltedPartition] = []
    for row in rows {
      halted.append(
        HaltedPartition(
          topic: try row.text("topic"), partition: Int32(try row.int("partition")), reason: try row.text("reason"),
          mediator: try row.text("mediator"), since: try row.time("since")))
    }
    return halted
  }

  private static func shard(
    _ rows: PostgresRows, number: Int32
  ) throws(PostgresError) -> InstanceFacts.Shard {
    guard let row = rows.first else {
      return InstanceFacts.Shard(number: number, owner: nil, leaseEndsAt: nil, journalHead: 0, publishMark: 0)
    }
    return InstanceFacts.Shard(
      number: number, owner: try row.optionalText("owner"), leaseEndsAt: try row.optionalTime("lease"),
      journalHead: try row.int64("journal_head"), publishMark: try row.int64("publish_mark"))
  }

  private static let queues = """
    select l.channel, sum(l.in_flight)::int8 as in_flight, sum(l.queued)::int8 as queued,
           coalesce(sum(l.in_flight) filter (where l.definition = i.definition), 0)::int8 as own
      from channel_loads l, instances i where l.shard = $1 and i.id = $2 group by l.channel
    """

  private static let order = """
    select i.order_key, h.id as holder, h.updated_at as since,
           (select count(*) from instances a
             where a.shard = i.shard and a.order_key = i.order_key and a.ended_at is null
               and a.order_place < i.order_place) as ahead
      from instances i
      left join lateral (select id, updated_at from instances h
                          where h.shard = i.shard and h.order_key = i.order_key and h.ended_at is null
                          order by order_place limit 1) h on true
     where i.id = $1 and i.order_key is not null
    """

  private static func orderKey(_ rows: PostgresRows) throws(PostgresError) -> InstanceFacts.OrderKey? {
    guard let row = rows.first else { return nil }
    return InstanceFacts.OrderKey(
      key: try row.text("order_key"), holder: try row.optionalUUID("holder").map { UUIDValue($0) },
      holderSince: try row.optionalTime("since"), ahead: try row.int("ahead"))
  }

  // MARK: Definition

  private func definition(
    of id: UUIDValue
  ) async throws(MediatorError) -> (definition: WorkflowDefinition?, problem: String?) {
    let rows = try await pool.snapshot(
      timeout: timeout,
      PostgresStatement(
        """
        select d.source, d.file from instances i join definitions d on d.number = i.definition where i.id = $1
        """, [.uuid(PostgresUUID(id))]))
    let (source, file) = try store { () throws(PostgresError) in
      guard let row = rows.first else { return ("", "") }
      return (try row.text("source"), try row.text("file"))
    }
    let result = WorkflowParser.parse(source, file: file)
    return (result.definition, result.definition == nil ? result.diagnostics.first?.message ?? "unknown" : nil)
  }

  // MARK: Suspension

  /// Who suspended it last. The audit table came after the others: without it, nobody knows.
  private func suspension(of id: UUIDValue) async throws(MediatorError) -> Cause.Suspension? {
    let there = try await pool.snapshot(
      timeout: timeout, PostgresStatement("select to_regclass('audit') is not null as there"))
    guard try store({ () throws(PostgresError) in try there[0].bool("there") }) else { return nil }
    let rows = try await pool.snapshot(
      timeout: timeout,
      PostgresStatement(
        """
        select author, reason, applied_at from audit
         where instance = $1 and verb = 'suspend' and applied_at is not null order by applied_at desc limit 1
        """, [.uuid(PostgresUUID(id))]))
    return try store { () throws(PostgresError) in
      guard let row = rows.first else { return nil }
      return Cause.Suspension(
        author: try row.text("author"), reason: try row.optionalText("reason"), at: try row.optionalTime("applied_at"))
    }
  }

  // MARK: Events

  /// What it listens to, as its rows say by which it is found, with the nearest events that were seen.
  private func waits(
    of detail: InstanceDetail, _ definition: WorkflowDefinition
  ) async throws(MediatorError) -> [EventWaitFacts] {
    guard detail.activities.contains(where: { if case .listening = $0.phase { true } else { false } }) else {
      return []
    }
    let rows = try await pool.snapshot(
      timeout: timeout,
      PostgresStatement(
        "select activity, filter from waits where instance = $1 order by 1, 2 limit 100",
        [.uuid(PostgresUUID(detail.summary.id))]))
    var waits: [EventWaitFacts] = []
    for row in rows {
      let (activityID, place) = try store { () throws(PostgresError) in (try row.int("activity"), try row.int("filter"))
      }
      guard let activity = detail.activities.first(where: { $0.id == activityID }),
        case .listening(let progress) = activity.phase,
        case .listen(let listen)? = definition.task(at: activity.reference)?.kind
      else { continue }
      waits.append(try await wait(activity, progress, listen.to.allFilters, place))
    }
    return waits
  }

  private func wait(
    _ activity: Activity, _ progress: ListenProgress, _ filters: [EventFilter], _ place: Int
  ) async throws(MediatorError) -> EventWaitFacts {
    guard filters.indices.contains(place) else {
      return EventWaitFacts(activity: activity.id, reference: activity.reference, type: nil, correlation: [:])
    }
    let filter = filters[place]
    var expected: JSONObject = [:]
    for correlation in filter.correlations {
      let own = progress.expected.indices.contains(place) ? progress.expected[place][correlation.name] : nil
      expected[correlation.name] = own ?? progress.established[correlation.name]
    }
    var facts = EventWaitFacts(
      activity: activity.id, reference: activity.reference, type: filter.type, correlation: expected)
    guard let type = filter.type else { return facts }
    facts.nearest = NearMiss.nearest(try await events.seen(ofType: type), filter: filter, expected: expected)
    return facts
  }
}

extension HaltedPartition {
  /// Replies of the instances of a shard arrive on the partition of its number.
  fileprivate func isReplies(of shard: Int32) -> Bool {
    partition == shard && topic == Topics.replies
  }
}

extension ChannelReader {
  /// Adds what Kafka knows of the channels whose replies the instance waits for.
  func complete(_ facts: inout InstanceFacts) async throws(KafkaError) {
    let calls = facts.detail.leaves.compactMap { activity -> (activity: Int, call: PendingCall)? in
      if case .requested(let call) = activity.phase { (activity.id, call) } else { nil }
    }
    let channels = try await self.facts(of: Set(calls.map(\.call.channel)))
    for (name, channel) in channels {
      let requests = facts.detail.journal.flatMap { row in
        row.entries.compactMap { entry -> (id: String, at: Timestamp)? in
          guard case .requested(let request) = entry,
            calls.contains(where: { ($0.activity, $0.call.attempt) == (request.activity, request.attempt) }),
            request.channel == name
          else { return nil }
          return (request.id, row.at)
        }
      }
      let places = try await places(of: requests, in: channel)
      facts.places.merge(places) { first, _ in first }
      for record in try await unread(channel) {
        let time = Timestamp(microseconds: record.timestamp * 1_000)
        facts.oldestUnread[ChannelPartition(channel: name, partition: record.partition)] = time
      }
    }
    facts.channels = channels
  }
}
