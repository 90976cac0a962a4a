import Kafka
import Postgres
import Values

/// A source partition: where it is read on, and who does not read it any more.
public struct SourcePartition: Sendable, Hashable {
  public let partition: TopicPartition
  public let shard: Int32
  /// The next offset; nil: it is read from the first record that the broker has.
  public let position: Int64?
  /// Empty when it is read.
  public let halts: [HaltedPartition]

  public init(partition: TopicPartition, shard: Int32, position: Int64?, halts: [HaltedPartition]) {
    self.partition = partition
    self.shard = shard
    self.position = position
    self.halts = halts
  }
}

/// What an operator has decided about a halted partition, as it was carried out.
public struct PositionDecision: Sendable, Hashable {
  public let number: Int64
  /// Where it was to be read on before.
  public let former: Int64?
  /// The epoch that its shard has had since.
  public let epoch: Int64

  public init(number: Int64, former: Int64?, epoch: Int64) {
    self.number = number
    self.former = former
    self.epoch = epoch
  }
}

/// Where operators see how far the source partitions are read, and decide about those that are halted.
public struct PartitionDesk: Sendable {
  private let pool: PostgresPool
  private let timeout: Duration

  public init(pool: PostgresPool, timeout: Duration = .seconds(10)) {
    self.pool = pool
    self.timeout = timeout
  }

  /// All that have a position or are halted: the halted ones first, then by topic and number.
  public func partitions() async throws(MediatorError) -> [SourcePartition] {
    let results = try await pool.snapshot(
      timeout: timeout,
      [
        PostgresStatement("select shards from cluster"),
        PostgresStatement("select topic, partition, position from positions"),
        PostgresStatement(DiagnosisQueries.halted, []),
      ])
    return try store { () throws(PostgresError) in
      guard let cluster = results[0].first else { return [] }
      let shards = Int32(try cluster.int("shards"))
      var positions: [TopicPartition: Int64] = [:]
      for row in results[1] {
        let partition = TopicPartition(topic: try row.text("topic"), partition: Int32(try row.int("partition")))
        positions[partition] = try row.int64("position")
      }
      let halted = try DiagnosisQueries.halted(results[2])
      let halts = Dictionary(grouping: halted) { TopicPartition(topic: $0.topic, partition: $0.partition) }
      let known = Set(positions.keys).union(halts.keys).sorted()
      let all = known.map { partition in
        SourcePartition(
          partition: partition, shard: partition.partition % shards, position: positions[partition],
          halts: halts[partition] ?? [])
      }
      return all.filter { !$0.halts.isEmpty } + all.filter(\.halts.isEmpty)
    }
  }

  /// Compares the stored position of a partition with what the broker has: a mediator that refuses to start halts nothing.
  public func finding(
    about partition: TopicPartition, _ finder: PositionFinder
  ) async throws(MediatorError) -> PositionFinder.Finding? {
    let stored = try await StoredPositions.load(pool, timeout: timeout)
    guard let position = stored.positions[partition] else { return nil }
    return try await finder.findings([partition: position]).first
  }

  /// Has a halted partition read on, and fences the owner of its shard: who takes the shard over looks anew.
  ///
  /// - Parameters:
  ///   - position: where; nil: from the first record that the broker has.
  ///   - finding: what is wrong with its stored position, where no mediator has halted it.
  /// - Returns: nil when it is not halted, or no more, and its position is not the one that was found wrong. Nothing is
  ///   changed then.
  public func accept(
    _ partition: TopicPartition, from position: Position?, finding: PositionFinder.Finding? = nil, author: String,
    reason: String
  ) async throws(MediatorError) -> PositionDecision? {
    let results = try await pool.run(
      timeout: timeout,
      [
        // First of all, and in a statement of its own: what an owner commits at this moment is seen by the next one.
        PostgresStatement(
          "select shard from shards where shard = $1 % (select shards from cluster) for update",
          [.int4(partition.partition)]),
        PostgresStatement(
          Self.accept,
          [
            .text(partition.topic), .int4(partition.partition), position.map { .int8($0.next) } ?? .null,
            position.map { .int8($0.timestamp) } ?? .null, position.map { .int8($0.checksum) } ?? .null,
            .text(author), .text(reason), finding.map { .text($0.reason) } ?? .null,
            finding.map { .int8($0.position) } ?? .null,
          ]),
      ])
    return try store { () throws(PostgresError) in
      guard let row = results[1].first else { return nil }
      return PositionDecision(
        number: try row.int64("number"), former: try row.optionalInt64("former"), epoch: try row.int64("epoch"))
    }
  }

  /// One statement, so that either all of it happens or nothing: without a halt there is no decision, and without a
  /// decision nothing else.
  private static let accept = """
    with halted as (
      (select h.reason from halted_partitions h join mediators m on m.id = h.mediator
        where h.topic = $1 and h.partition = $2
          and not exists (select from position_decisions d
                           where d.topic = h.topic and d.partition = h.partition and d.number > h.decision)
        order by h.since limit 1)
      union all
      select $8::text from positions where topic = $1 and partition = $2 and position = $9::int8
      limit 1),
    fenced as (
      update shards set epoch = epoch + 1
       where shard = $2 % (select shards from cluster) and exists (select from halted) returning shard, epoch),
    decided as (
      insert into position_decisions (topic, partition, shard, epoch, former, position, halt, author, reason)
      select $1, $2, f.shard, f.epoch,
             (select p.position from positions p where p.topic = $1 and p.partition = $2), $3::int8, h.reason, $6, $7
        from fenced f, halted h returning number, former, epoch),
    forgotten as (
      delete from positions p
       where p.topic = $1 and p.partition = $2 and $3::int8 is null and exists (select from decided)),
    stored as (
      insert into positions (topic, partition, position, timestamp, checksum)
      select $1, $2, $3::int8, $4::int8, $5::int8 from decided where $3::int8 is not null
      on conflict (topic, partition) do update
        set position = excluded.position, timestamp = excluded.timestamp, checksum = excluded.checksum),
    ended as (
      delete from halted_partitions h where h.topic = $1 and h.partition = $2 and exists (select from decided))
    select number, former, epoch from decided
    """
}
