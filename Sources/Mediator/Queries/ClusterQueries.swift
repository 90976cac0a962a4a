import Engine
import Postgres
import Values

/// What the mediators of a cluster are doing, at one moment of the database's clock.
public struct ClusterStatus: Sendable {
  public struct Mediator: Sendable, Hashable {
    public let id: String
    public let startedAt: Timestamp
    /// Its last heartbeat; there is one a second.
    public let seenAt: Timestamp
    /// How many shards it holds.
    public let shards: Int
  }

  public struct Shard: Sendable, Hashable {
    public let shard: Int32
    /// Who took it last; whether he still has it is said by `leaseEndsAt`.
    public let owner: String?
    public let epoch: Int64
    /// Nil when it was given back, or never taken.
    public let leaseEndsAt: Timestamp?
    public let batches: Int64
    /// Rows of the journal above the publish mark. The mark is saved with a batch or a heartbeat, so a few of them may
    /// be published already.
    public let unpublished: Int64
  }

  public struct DeadLetters: Sendable, Hashable {
    /// Since ``ClusterStatus/since``, by reason.
    public let byReason: [String: Int]
    public let newestAt: Timestamp?
  }

  public let now: Timestamp
  public let mediators: [Mediator]
  public let shards: [Shard]
  /// Instances that have not ended, whenever they started.
  public let open: InstanceCounts
  /// Instances that started since ``since``.
  public let recent: InstanceCounts
  public let deadLetters: DeadLetters
  /// Where the last hour began.
  public let since: Timestamp

  /// Without a heartbeat for this long a mediator counts as gone.
  public static let silence = Duration.seconds(5)

  public func isAlive(_ mediator: Mediator) -> Bool { now - mediator.seenAt < Self.silence }
  public func isOwned(_ shard: Shard) -> Bool { shard.owner != nil && shard.leaseEndsAt.map { $0 > now } ?? false }
}

/// What people ask about the cluster as a whole.
public struct ClusterQueries: Sendable {
  private let pool: PostgresPool
  private let timeout: Duration

  public init(pool: PostgresPool, timeout: Duration = .seconds(10)) {
    self.pool = pool
    self.timeout = timeout
  }

  public func status() async throws(MediatorError) -> ClusterStatus {
    let results = try await pool.snapshot(
      timeout: timeout,
      [Self.clock, Self.mediators, Self.shards, Self.open, Self.recent, Self.deadLetters, Self.newestDeadLetter])
    return try store { () throws(PostgresError) in
      let shards = try Self.shards(results[2])
      let now = try results[0][0].time("now")
      let held = shards.filter { $0.leaseEndsAt.map { $0 > now } ?? false }
      return ClusterStatus(
        now: now, mediators: try Self.mediators(results[1], holding: held), shards: shards,
        open: try Self.counts(results[3]), recent: try Self.counts(results[4]),
        deadLetters: ClusterStatus.DeadLetters(
          byReason: try Self.reasons(results[5]), newestAt: try results[6][0].optionalTime("newest")),
        since: try results[0][0].time("since"))
    }
  }

  /// The database's clock.
  public func now() async throws(MediatorError) -> Timestamp {
    let rows = try await pool.snapshot(timeout: timeout, Self.clock)
    return try store { () throws(PostgresError) in try rows[0].time("now") }
  }

  private static let clock = PostgresStatement(
    "select clock_timestamp() as now, now() - interval '1 hour' as since")

  private static let mediators = PostgresStatement(
    "select id, started_at, seen_at from mediators order by id limit 1000")

  private static let shards = PostgresStatement(
    """
    select shard, owner, epoch, nullif(expires_at, '-infinity') as lease, batch, journal_head - publish_mark as unpublished
      from shards order by shard
    """)

  private static let open = PostgresStatement(
    """
    select status, count(*) as instances
      from (select status from instances where ended_at is null limit $1) as sample group by 1
    """, [.int8(Int64(WorkflowQueries.countLimit))])

  private static let recent = PostgresStatement(
    """
    select status, count(*) as instances
      from (select status from instances where started_at > now() - interval '1 hour'
             order by started_at desc limit $1) as newest group by 1
    """, [.int8(Int64(WorkflowQueries.countLimit))])

  private static let deadLetters = PostgresStatement(
    """
    select reason, count(*) as letters
      from (select reason from dead_letters where created_at > now() - interval '1 hour'
             order by created_at desc limit $1) as newest group by 1 order by 2 desc
    """, [.int8(Int64(WorkflowQueries.countLimit))])

  private static let newestDeadLetter = PostgresStatement("select max(created_at) as newest from dead_letters")

  // MARK: Reading

  private static func mediators(
    _ rows: PostgresRows, holding shards: [ClusterStatus.Shard]
  ) throws(PostgresError) -> [ClusterStatus.Mediator] {
    var mediators: [ClusterStatus.Mediator] = []
    for row in rows {
      let id = try row.text("id")
      mediators.append(
        ClusterStatus.Mediator(
          id: id, startedAt: try row.time("started_at"), seenAt: try row.time("seen_at"),
          shards: shards.count { $0.owner == id }))
    }
    return mediators
  }

  private static func shards(_ rows: PostgresRows) throws(PostgresError) -> [ClusterStatus.Shard] {
    var shards: [ClusterStatus.Shard] = []
    for row in rows {
      shards.append(
        ClusterStatus.Shard(
          shard: Int32(try row.int("shard")), owner: try row.optionalText("owner"), epoch: try row.int64("epoch"),
          leaseEndsAt: try row.optionalTime("lease"), batches: try row.int64("batch"),
          unpublished: try row.int64("unpublished")))
    }
    return shards
  }

  private static func counts(_ rows: PostgresRows) throws(PostgresError) -> InstanceCounts {
    var counts = InstanceCounts()
    for row in rows { counts.add(try row.int("instances"), try row.text("status")) }
    let isComplete = counts.open + counts.ended < WorkflowQueries.countLimit
    (counts.openIsComplete, counts.endedIsComplete) = (isComplete, isComplete)
    return counts
  }

  private static func reasons(_ rows: PostgresRows) throws(PostgresError) -> [String: Int] {
    var reasons: [String: Int] = [:]
    for row in rows { reasons[try row.text("reason")] = try row.int("letters") }
    return reasons
  }
}
