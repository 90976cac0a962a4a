import Engine
import Kafka
import Postgres
import Values
import Wire

/// Collects what makes no progress, from indexes only: it takes as long with a hundred thousand open instances as with
/// a hundred.
public struct StuckQueries: Sendable {
  private let pool: PostgresPool
  private let timeout: Duration

  /// Instances counted at most per cause.
  public static let countLimit = 10_000
  /// Channels that are looked at, those with the greatest lag.
  static let channelLimit = 50
  static let examples = 3

  public init(pool: PostgresPool, timeout: Duration = .seconds(10)) {
    self.pool = pool
    self.timeout = timeout
  }

  /// - Parameter patience: what has stood still for less is left out.
  public func facts(
    patience: Duration, channels: ChannelReader?, kafkaProblem: String? = nil
  ) async throws(MediatorError) -> StuckFacts {
    var facts = try await stored(patience)
    facts.kafkaProblem = kafkaProblem
    guard let channels else { return facts }
    let seen: (channels: [ChannelFacts], unread: [String: [KafkaRecord]])
    do throws(KafkaError) {
      seen = try await channels.standing(limit: Self.channelLimit)
    } catch {
      facts.kafkaProblem = "\(error)"
      return facts
    }
    facts.channels = try await self.channels(seen.channels, seen.unread)
    return facts
  }

  private func stored(_ patience: Duration) async throws(MediatorError) -> StuckFacts {
    let age = PostgresValue.int8(patience.milliseconds)
    let limit = PostgresValue.int8(Int64(Self.countLimit + 1))
    let results = try await pool.snapshot(
      timeout: timeout,
      [
        PostgresStatement("select clock_timestamp() as now, (select count(*) from mediators) as mediators"),
        PostgresStatement(Self.unowned, [limit]), PostgresStatement(DiagnosisQueries.halted, []),
        PostgresStatement(Self.overdue, [age, limit]), PostgresStatement(Self.suspended, [age, limit]),
        PostgresStatement(Self.orderKeys, [age]), PostgresStatement("select shard from shards order by shard"),
        PostgresStatement(Self.queues, []),
      ])
    var facts = try store { () throws(PostgresError) in
      var facts = StuckFacts(now: try results[0][0].time("now"), patience: patience)
      facts.mediators = try results[0][0].int("mediators")
      for row in results[1] {
        facts.unowned.append(
          StuckFacts.Shard(
            number: Int32(try row.int("shard")), lastOwner: try row.optionalText("owner"),
            since: try row.optionalTime("lease"), open: try Self.sample(row)))
      }
      facts.halted = try DiagnosisQueries.halted(results[2])
      if let row = results[3].first { facts.overdue = try Self.sample(row) }
      if let row = results[4].first { facts.suspended = try Self.sample(row) }
      for row in results[5] {
        facts.orderKeys.append(
          StuckFacts.OrderKey(
            key: try row.text("order_key"), holder: UUIDValue(try row.uuid("holder")), since: try row.time("since"),
            waiting: try row.int("waiting")))
      }
      for row in results[7] {
        facts.queues.append(
          StuckFacts.Queue(
            channel: try row.text("channel"), inFlight: Int64(try row.int("in_flight")), waiting: try Self.queue(row)))
      }
      return facts
    }
    let forgotten = ForgottenQueries(pool: pool, timeout: timeout)
    for row in results[6] {
      let shard = try store { () throws(PostgresError) in Int32(try row.int("shard")) }
      facts.forgotten += try await forgotten.unattended(shard: shard, age: patience, after: nil, limit: 200).found
      facts.forgotten += try await forgotten.orphans(shard: shard, age: patience, limit: 100)
    }
    return facts
  }

  private static func sample(_ row: PostgresRow) throws(PostgresError) -> StuckFacts.Sample {
    var sample = StuckFacts.Sample()
    let count = try row.int("instances")
    sample.count = min(count, countLimit)
    sample.isComplete = count <= countLimit
    sample.examples = try row.uuids("examples").compactMap { $0.map { UUIDValue($0) } }
    sample.oldest = try row.optionalTime("oldest")
    return sample
  }

  /// Their number is written down, not counted.
  private static func queue(_ row: PostgresRow) throws(PostgresError) -> StuckFacts.Sample {
    var sample = try sample(row)
    sample.count = try row.int("instances")
    sample.isComplete = true
    return sample
  }

  private static let unowned = """
    select s.shard, s.owner, nullif(s.expires_at, '-infinity') as lease, o.instances, o.examples,
           null::timestamptz as oldest
      from shards s
      cross join lateral (select count(*) as instances, coalesce((array_agg(id))[1:3], '{}') as examples
                            from (select id from instances i
                                   where i.shard = s.shard and i.ended_at is null limit $1) as open) o
     where s.owner is null or s.expires_at <= clock_timestamp() order by s.shard
    """

  /// Only of shards that somebody holds: those of others are told with their shard.
  private static let overdue = """
    select count(*) as instances, min(wake_at) as oldest,
           coalesce((array_agg(id order by wake_at))[1:3], '{}') as examples
      from shards s
      cross join lateral (select id, wake_at from instances i
                           where i.shard = s.shard and i.wake_at < clock_timestamp() - $1 * interval '1 millisecond'
                           order by wake_at limit $2) o
     where s.owner is not null and s.expires_at > clock_timestamp()
    """

  private static let suspended = """
    select count(*) as instances, min(updated_at) as oldest,
           coalesce((array_agg(id order by updated_at))[1:3], '{}') as examples
      from (select id, updated_at from instances
             where status = 'suspended' and started_at < clock_timestamp() - $1 * interval '1 millisecond'
             order by started_at limit $2) s
    """

  private static let orderKeys = """
    select k.order_key, h.id as holder, h.updated_at as since, k.waiting
      from (select shard, order_key, count(*) - 1 as waiting, min(order_place) as first from instances
             where order_key is not null and ended_at is null
             group by shard, order_key having count(*) > 1 order by 3 desc limit 200) k
      join instances h on h.shard = k.shard and h.order_key = k.order_key and h.order_place = k.first
                      and h.ended_at is null
     where h.updated_at < clock_timestamp() - $1 * interval '1 millisecond' order by k.waiting desc limit 20
    """

  /// Of each shard and version the first in the queue are looked at: the others have stood there for less.
  private static let queues = """
    select l.channel, l.in_flight, l.instances, f.oldest, coalesce(f.examples, '{}') as examples
      from (select channel, sum(in_flight)::bigint as in_flight, sum(queued)::bigint as instances
              from channel_loads group by channel having sum(queued) > 0) l
      cross join lateral (
        select min(first.updated_at) as oldest,
               (array_agg(first.instance order by first.updated_at))[1:3] as examples
          from channel_loads v
          cross join lateral (select q.instance, i.updated_at from queued_calls q join instances i on i.id = q.instance
                               where q.shard = v.shard and q.definition = v.definition and q.channel = v.channel
                               order by q.place limit 3) as first
         where v.channel = l.channel and v.queued > 0) f
     order by l.instances desc limit \(channelLimit)
    """

  // MARK: Channels

  /// Adds which of the instances behind the unread records are open.
  private func channels(
    _ facts: [ChannelFacts], _ unread: [String: [KafkaRecord]]
  ) async throws(MediatorError) -> [StuckFacts.Channel] {
    let ids = Set(unread.values.joined().compactMap(\.correlatedInstance))
    let rows = try await pool.snapshot(
      timeout: timeout,
      PostgresStatement(
        "select id from instances where id = any($1) and ended_at is null", [.uuids(ids.map { PostgresUUID($0) })]))
    let open = try store { () throws(PostgresError) in
      var open: Set<UUIDValue> = []
      for row in rows { open.insert(UUIDValue(try row.uuid("id"))) }
      return open
    }
    return facts.map { channel in
      let records = unread[channel.channel, default: []]
        .filter { $0.correlatedInstance.map(open.contains) ?? false }.sorted { $0.timestamp < $1.timestamp }
      var examples: [UUIDValue] = []
      for id in records.compactMap(\.correlatedInstance) where !examples.contains(id) { examples.append(id) }
      return StuckFacts.Channel(
        facts: channel, oldest: records.first.map { Timestamp(microseconds: $0.timestamp * 1_000) },
        examples: Array(examples.prefix(Self.examples)))
    }
  }
}

extension KafkaRecord {
  /// The instance that a processing event or a reply belongs to.
  var correlatedInstance: UUIDValue? { headerText("ce_correlationid").flatMap { UUIDValue($0) } }
}

extension ChannelReader {
  /// The channels in which records wait, those with the most first, and some of those records of each.
  func standing(
    limit: Int
  ) async throws(KafkaError) -> (channels: [ChannelFacts], unread: [String: [KafkaRecord]]) {
    let all = try await facts(of: try await channels())
    let lagging = all.values.filter { $0.lag > 0 }
      .sorted { ($1.lag, $0.channel) < ($0.lag, $1.channel) }.prefix(limit)
    var unread: [String: [KafkaRecord]] = [:]
    // The front may be of instances that have given up long ago: the newest ones tell whether anybody still waits.
    for channel in lagging {
      unread[channel.channel] = try await self.unread(channel, perPartition: 10) + newest(channel, perPartition: 10)
    }
    return (Array(lagging), unread)
  }
}
