import Kafka
import Postgres
import Values

/// Ownership as Postgres has it: who is alive, who owns what, by the database's clock.
public struct LeaseStore: Sendable {
  let pool: PostgresPool
  let mediatorID: String
  let lease: Duration
  let timeout: Duration

  /// What a heartbeat sees.
  struct View: Sendable, Equatable {
    var mediators: [String]
    var shards: [Shard]

    struct Shard: Sendable, Equatable {
      var shard: Int32
      /// Nil when nobody owns it, or when the owner's lease has run out.
      var owner: String?
    }
  }

  /// Fixes the number of shards at the first start, and makes sure that it is still the same.
  ///
  /// - Returns: the number that was fixed.
  func initialize(shards: Int32) async throws(MediatorError) -> Int32 {
    let rows = try await pool.run(
      timeout: timeout,
      [
        PostgresStatement("insert into cluster (shards) values ($1) on conflict do nothing", [.int4(shards)]),
        PostgresStatement(
          "insert into shards (shard) select generate_series(0, (select shards - 1 from cluster)) on conflict do nothing"
        ),
        PostgresStatement("select shards from cluster"),
      ])
    return try store { () throws(PostgresError) in Int32(try rows[2][0].int("shards")) }
  }

  /// The random text that this cluster's placeholders of secrets carry.
  func seal() async throws(MediatorError) -> String {
    let rows = try await pool.run(timeout: timeout, [PostgresStatement("select seal from cluster")])
    return try store { () throws(PostgresError) in try rows[0][0].text("seal") }
  }

  /// Says that this mediator is alive, and looks who else is.
  func heartbeat() async throws(MediatorError) -> View {
    let rows = try await pool.run(
      timeout: timeout,
      [
        PostgresStatement(
          "insert into mediators (id) values ($1) on conflict (id) do update set seen_at = clock_timestamp()",
          [.text(mediatorID)]),
        PostgresStatement(
          "delete from mediators where seen_at < clock_timestamp() - $1 * interval '10 milliseconds'",
          [.int8(lease.milliseconds)]),
        PostgresStatement(
          "select id from mediators where seen_at > clock_timestamp() - $1 * interval '1 millisecond' order by id",
          [.int8(lease.milliseconds)]),
        PostgresStatement(
          """
          select shard, case when expires_at > clock_timestamp() then owner end as owner from shards order by shard
          """),
      ])
    return try store { () throws(PostgresError) in
      var view = View(mediators: [], shards: [])
      for row in rows[2] { view.mediators.append(try row.text("id")) }
      for row in rows[3] {
        view.shards.append(View.Shard(shard: Int32(try row.int("shard")), owner: try row.optionalText("owner")))
      }
      return view
    }
  }

  /// Takes a shard that is free, expired or this mediator's own, in a new epoch.
  ///
  /// - Returns: nil when another mediator has it.
  func takeOver(
    _ shard: Int32, on connection: PostgresConnection
  ) async throws(MediatorError) -> ShardTakeover? {
    let rows = try await query(
      connection,
      """
      update shards
         set owner = $2, epoch = epoch + 1, expires_at = clock_timestamp() + $3 * interval '1 millisecond'
       where shard = $1 and (owner is null or owner = $2 or expires_at <= clock_timestamp())
      returning epoch, batch, journal_head, publish_mark
      """, [.int4(shard), .text(mediatorID), .int8(lease.milliseconds)])
    return try store { () throws(PostgresError) in
      guard rows.count > 0 else { return nil }
      let row = rows[0]
      return ShardTakeover(
        shard: shard, epoch: Int64(try row.int("epoch")), batch: Int64(try row.int("batch")),
        journalHead: Int64(try row.int("journal_head")), publishMark: Int64(try row.int("publish_mark")))
    }
  }

  /// Where every partition is read on.
  func positions(on connection: PostgresConnection) async throws(MediatorError) -> StoredPositions {
    let rows = try await query(connection, StoredPositions.query, [])
    return try store { () throws(PostgresError) in try StoredPositions(rows) }
  }

  /// Gives a shard back so that another can take it at once.
  func release(_ takeover: ShardTakeover, publishMark: Int64, on connection: PostgresConnection)
    async throws(MediatorError)
  {
    _ = try await query(
      connection,
      """
      update shards set owner = null, expires_at = '-infinity', publish_mark = greatest(publish_mark, $3)
       where shard = $1 and epoch = $2
      """, [.int4(takeover.shard), .int8(takeover.epoch), .int8(publishMark)])
  }

  /// Leaves, so that the others' fair shares grow at once.
  func leave() async throws(MediatorError) {
    _ = try await pool.run(
      timeout: timeout, [PostgresStatement("delete from mediators where id = $1", [.text(mediatorID)])])
  }

  private func query(
    _ connection: PostgresConnection, _ sql: String, _ parameters: [PostgresValue]
  ) async throws(MediatorError) -> PostgresRows {
    do throws(PostgresError) {
      return try await connection.query(sql, parameters, timeout: timeout)
    } catch {
      throw MediatorError(postgres: error)
    }
  }
}
