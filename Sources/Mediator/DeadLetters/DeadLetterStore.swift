import Kafka
import Postgres
import Values
import Wire

/// What operators do to dead letters. Each change is one transaction with a row of the history, which is never changed:
/// who, when, what and why.
public struct DeadLetterStore: Sendable {
  private let pool: PostgresPool
  private let actor: String
  private let timeout: Duration

  /// - Parameter actor: who does it, as the history names him.
  public init(pool: PostgresPool, actor: String, timeout: Duration = .seconds(10)) {
    self.pool = pool
    self.actor = actor
    self.timeout = timeout
  }

  /// Keeps what is to be sent instead of the original, which stays beside it.
  ///
  /// - Returns: false when there is no such letter.
  public func edit(
    _ id: DeadLetterID, value: [UInt8]?, headers: [KafkaHeader], detail: String
  ) async throws(MediatorError) -> Bool {
    let rows = try await change(
      """
      update dead_letters set is_edited = true, edited_value = $5, edited_headers = $6, changed_at = now()
       where (shard, sequence) = ($1, $2) returning shard, sequence, rounds, $4::text as detail
      """, "edited",
      [
        .int4(id.shard), .int8(id.sequence), .text(actor), .text(DeadLetter.storable(detail)),
        value.map { .bytes($0) } ?? .null, .bytes(HeaderBytes.encode(headers)),
      ])
    return !rows.isEmpty
  }

  /// Nothing is to be done about these. The rows stay.
  ///
  /// - Returns: those that were dropped now.
  public func drop(_ ids: [DeadLetterID], why: String) async throws(MediatorError) -> [DeadLetterID] {
    try await change(
      """
      update dead_letters d set status = 'dropped', changed_at = now()
        from unnest($1::int4[], $2::int8[]) as n(shard, sequence)
       where (d.shard, d.sequence) = (n.shard, n.sequence) and d.status <> 'dropped'
      returning d.shard, d.sequence, d.rounds, $4::text as detail
      """, "dropped",
      [
        .int4s(ids.map(\.shard)), .int8s(ids.map(\.sequence)), .text(actor), .text(DeadLetter.storable(why)),
      ])
  }

  /// These are with the broker again. One that has come back meanwhile is open, and stays so.
  public func markRedriven(_ sent: [(id: DeadLetterID, round: Int, detail: String)]) async throws(MediatorError) {
    _ = try await pool.run(
      timeout: timeout,
      [
        PostgresStatement(
          """
          with sent as (
            select * from unnest($1::int4[], $2::int8[], $3::int4[], $4::text[]) as s(shard, sequence, round, detail)
          ), told as (
            insert into dead_letter_history (letter_shard, letter_sequence, action, actor, round, detail)
            select shard, sequence, 'redriven', $5, round, detail from sent order by shard, sequence
          )
          update dead_letters d set status = 'redriven', rounds = s.round, changed_at = now()
            from sent s where (d.shard, d.sequence) = (s.shard, s.sequence) and d.rounds < s.round
          """,
          [
            .int4s(sent.map(\.id.shard)), .int8s(sent.map(\.id.sequence)), .int4s(sent.map { Int32($0.round) }),
            .texts(sent.map { DeadLetter.storable($0.detail) }), .text(actor),
          ])
      ])
  }

  /// Runs an update that returns the letters changed, and writes their history.
  private func change(
    _ update: String, _ action: String, _ parameters: [PostgresValue]
  ) async throws(MediatorError) -> [DeadLetterID] {
    let results = try await pool.run(
      timeout: timeout,
      [
        PostgresStatement(
          """
          with changed as (\(update))
          insert into dead_letter_history (letter_shard, letter_sequence, action, actor, round, detail)
          select shard, sequence, '\(action)', $3, rounds, detail from changed
          returning letter_shard, letter_sequence
          """, parameters)
      ])
    return try store { () throws(PostgresError) in
      var ids: [DeadLetterID] = []
      for row in results[0] {
        ids.append(DeadLetterID(shard: Int32(try row.int("letter_shard")), sequence: try row.int64("letter_sequence")))
      }
      return ids.sorted()
    }
  }
}
