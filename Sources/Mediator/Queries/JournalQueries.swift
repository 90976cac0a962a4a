import Engine
import Postgres
import Values

/// A row of the journal with what it belongs to.
public struct JournalChange: Sendable, Hashable {
  public let shard: Int32
  public let row: JournalRow
  /// `namespace/name`.
  public let workflow: String
}

/// Follows the journal: each shard numbers its rows, and commits them in that order.
public struct JournalQueries: Sendable {
  private let pool: PostgresPool
  private let timeout: Duration

  /// Rows read at once.
  public static let batch = 500

  public init(pool: PostgresPool, timeout: Duration = .seconds(10)) {
    self.pool = pool
    self.timeout = timeout
  }

  /// Where each shard's journal ends now.
  public func heads() async throws(MediatorError) -> [Int32: Int64] {
    let rows = try await pool.snapshot(
      timeout: timeout, PostgresStatement("select shard, journal_head from shards order by shard"))
    return try store { () throws(PostgresError) in
      var heads: [Int32: Int64] = [:]
      for row in rows { heads[Int32(try row.int("shard"))] = try row.int64("journal_head") }
      return heads
    }
  }

  /// The rows above the given sequences, in the order of time; at most ``batch`` of each shard.
  ///
  /// - Parameter instance: only of this one, which lives on one shard.
  public func changes(
    after heads: [Int32: Int64], instance: UUIDValue? = nil
  ) async throws(MediatorError) -> [JournalChange] {
    guard !heads.isEmpty else { return [] }
    let shards = heads.sorted { $0.key < $1.key }
    let one: PostgresValue = instance.map { .uuid(PostgresUUID($0)) } ?? .null
    let rows = try await pool.snapshot(
      timeout: timeout,
      PostgresStatement(
        """
        select j.shard, j.sequence, j.instance, j.at, j.entries, d.namespace, d.name
          from unnest($1::int4[], $2::int8[]) as s(shard, sequence)
          cross join lateral (select * from journal j
                               where j.shard = s.shard and j.sequence > s.sequence
                                 and ($3::uuid is null or j.instance = $3)
                               order by j.sequence limit $4) j
          join instances i on i.id = j.instance join definitions d on d.number = i.definition
         order by j.at, j.shard, j.sequence
        """, [.int4s(shards.map(\.key)), .int8s(shards.map(\.value)), one, .int8(Int64(Self.batch))]))
    return try rows.map(Self.change)
  }

  /// The newest rows of every shard, at most `limit` each.
  public func newest(limit: Int) async throws(MediatorError) -> [JournalChange] {
    let heads = try await heads()
    return try await window(heads, limit: limit)
  }

  private func window(_ heads: [Int32: Int64], limit: Int) async throws(MediatorError) -> [JournalChange] {
    let shards = heads.sorted { $0.key < $1.key }
    let rows = try await pool.snapshot(
      timeout: timeout,
      PostgresStatement(
        """
        select j.shard, j.sequence, j.instance, j.at, j.entries, d.namespace, d.name
          from unnest($1::int4[]) as s(shard)
          cross join lateral (select * from journal j where j.shard = s.shard order by j.sequence desc limit $2) j
          join instances i on i.id = j.instance join definitions d on d.number = i.definition
         order by j.at, j.shard, j.sequence
        """, [.int4s(shards.map(\.key)), .int8(Int64(limit))]))
    return try rows.map(Self.change)
  }

  private static func change(_ row: PostgresRow) throws(MediatorError) -> JournalChange {
    let (shard, sequence, instance, at, workflow) = try store { () throws(PostgresError) in
      (
        Int32(try row.int("shard")), try row.int64("sequence"), UUIDValue(try row.uuid("instance")),
        try row.time("at"), "\(try row.text("namespace"))/\(try row.text("name"))"
      )
    }
    var entries: [JournalEntry] = []
    for json in try row.parsed("entries")?.array ?? [] {
      do throws(CodingError) {
        entries.append(try JournalEntry(json))
      } catch {
        throw MediatorError(.store, "the journal row \(sequence) of shard \(shard) cannot be read: \(error)")
      }
    }
    return JournalChange(
      shard: shard, row: JournalRow(sequence: sequence, instance: instance, at: at, entries: entries),
      workflow: workflow)
  }
}
