import Kafka
import Postgres
import Values
import Wire

/// Gives the dead-letter topic what it has not taken before: later and later, and a bounded number at a time. Nothing
/// waits for it. A letter may go out twice.
struct DeadLetterPublisher<Publisher: RecordPublisher>: Sendable {
  let pool: PostgresPool
  let publisher: Publisher
  let timeout: Duration

  /// - Returns: how many the topic has taken now.
  @discardableResult
  func publishDue(limit: Int = 100) async throws(MediatorError) -> Int {
    let results = try await pool.run(
      timeout: timeout, [PostgresStatement(Self.claim, [.int8(Int64(limit))])])
    var ids: [DeadLetterID] = []
    var records: [OutgoingRecord] = []
    for row in results[0] {
      let letter = try DeadLetterRows.letter(row)
      let shard = try store { () throws(PostgresError) in Int32(try row.int("shard")) }
      ids.append(DeadLetterID(shard: shard, sequence: letter.sequence))
      records.append(letter.published(by: shard))
    }
    guard !records.isEmpty else { return 0 }
    let reasons = await publish(records).map(\.reason)
    _ = try await pool.run(
      timeout: timeout,
      [
        PostgresStatement(
          Self.note,
          [.int4s(ids.map(\.shard)), .int8s(ids.map(\.sequence)), .texts(reasons.map { $0.map(DeadLetter.storable) })])
      ])
    return reasons.count { $0 == nil }
  }

  private func publish(_ records: [OutgoingRecord]) async -> [PublishResult] {
    await withCheckedContinuation { continuation in
      publisher.publish(records) { continuation.resume(returning: $0) }
    }
  }

  /// Whoever claims some has them for as long as he may need; a process that ends meanwhile leaves them to the next.
  private static var claim: String {
    """
    with due as (
      select shard, sequence from dead_letters where unpublished is not null and publish_at <= now()
       order by publish_at limit $1 for update skip locked
    )
    update dead_letters d
       set publish_at = now() + interval '30 seconds' * power(2, least(d.publish_failures, 7)),
           publish_failures = d.publish_failures + 1
      from due where (d.shard, d.sequence) = (due.shard, due.sequence)
    returning d.shard, d.sequence, d.topic, d.partition, d."offset", d.timestamp, d.key,
              case when d.rounds > 0 and d.is_edited then d.edited_value else d.value end as value,
              case when d.rounds > 0 and d.is_edited then d.edited_headers else d.headers end as headers, d.reason,
              d.detail, case when d.rounds > 0 then d.shard end as of_shard,
              case when d.rounds > 0 then d.sequence end as of_sequence, d.rounds as round
    """
  }

  private static var note: String {
    """
    update dead_letters d set unpublished = r.reason
      from unnest($1::int4[], $2::int8[], $3::text[]) as r(shard, sequence, reason)
     where (d.shard, d.sequence) = (r.shard, r.sequence)
    """
  }
}

extension PublishResult {
  /// Why the topic has not got it; nil when it has.
  fileprivate var reason: String? {
    switch self {
    case .published: nil
    case .refused(let reason), .forbidden(let reason), .failed(let reason): reason
    }
  }
}
