import Kafka
import Postgres
import Values
import Wire

/// Dead letters as rows. One that was sent again and comes back is the row that it was.
enum DeadLetterRows {
  static func statements(_ batch: ShardBatch, shard: Int32, maxRedrives: Int) -> [PostgresStatement] {
    var statements: [PostgresStatement] = []
    let (returned, new) = batch.deadLetters.divided { $0.redrive != nil }
    if !new.isEmpty { statements.append(insert(new, shard)) }
    if !returned.isEmpty { statements += takeBack(returned, shard, maxRedrives) }
    if !batch.unpublishedLetters.isEmpty { statements.append(leaveUnpublished(batch.unpublishedLetters, shard)) }
    if !batch.settledFaults.isEmpty { statements.append(settle(batch.settledFaults, shard)) }
    return statements
  }

  private static func insert(_ letters: [DeadLetter], _ shard: Int32) -> PostgresStatement {
    PostgresStatement(
      """
      insert into dead_letters
        (shard, sequence, topic, partition, "offset", timestamp, key, value, headers, reason, detail, instance)
      select $1, sequence, topic, partition, "offset", timestamp, key, value, headers, reason, detail, instance
        from \(given)
      """, parameters(letters, shard))
  }

  /// The letters as a table, its parameters from $2 on.
  private static let given = """
    unnest($2::int8[], $3::text[], $4::int4[], $5::int8[], $6::int8[], $7::bytea[], $8::bytea[], $9::bytea[],
           $10::text[], $11::text[], $12::uuid[])
      as g(sequence, topic, partition, "offset", timestamp, key, value, headers, reason, detail, instance)
    """

  private static func parameters(_ letters: [DeadLetter], _ shard: Int32) -> [PostgresValue] {
    let records = letters.map(\.record)
    return [
      .int4(shard), .int8s(letters.map(\.sequence)), .texts(records.map(\.topic)), .int4s(records.map(\.partition)),
      .int8s(records.map(\.offset)), .int8s(records.map(\.timestamp)), .bytesArray(records.map(\.key)),
      .bytesArray(records.map(\.value)), .bytesArray(records.map { HeaderBytes.encode($0.headers) }),
      .texts(letters.map(\.reason)), .texts(letters.map(\.detail)),
      .uuids(letters.map { $0.instance.map { PostgresUUID($0) } }),
    ]
  }

  // MARK: Those whose instance goes on

  /// After the new letters: one may fault and go on in one batch. What somebody has dropped stays so.
  private static func settle(_ faults: [SettledFaults], _ shard: Int32) -> PostgresStatement {
    PostgresStatement(
      """
      with settled as (
        select d.shard, d.sequence
          from unnest($2::uuid[], $3::int8[], $4::boolean[]) as s(instance, head, newest_only)
         cross join lateral (
           select shard, sequence, row_number() over (order by sequence desc) as place from dead_letters
            where instance = s.instance and shard = $1 and sequence <= s.head and reason = $5
              and status in ('open', 'parked')) d
         where not s.newest_only or d.place = 1
      ), resolved as (
        update dead_letters d set status = 'resolved', changed_at = now() from settled s
         where (d.shard, d.sequence) = (s.shard, s.sequence) and d.status in ('open', 'parked')
        returning d.shard, d.sequence, d.rounds
      )
      insert into dead_letter_history (letter_shard, letter_sequence, action, actor, round, detail)
      select shard, sequence, 'resolved', 'mediator', rounds, 'its instance goes on' from resolved order by sequence
      """,
      [
        .int4(shard), .uuids(faults.map { PostgresUUID($0.instance) }), .int8s(faults.map(\.head)),
        .bools(faults.map(\.isNewestOnly)), .text(DeadLetter.uncaughtFault),
      ])
  }

  // MARK: Those that come back

  /// First the rows themselves, which are locked by that; then their history. What names a row that there is not, or
  /// that is of another topic, is a dead letter like any other.
  private static func takeBack(_ letters: [DeadLetter], _ shard: Int32, _ maxRedrives: Int) -> [PostgresStatement] {
    let redrives = letters.compactMap(\.redrive)
    let named: [PostgresValue] = [
      .int4s(redrives.map(\.letter.shard)), .int8s(redrives.map(\.letter.sequence)),
      .int4s(redrives.map { Int32($0.round) }), .int4(Int32(maxRedrives)),
    ]
    let all = parameters(letters, shard) + named.prefix(3)
    return [
      PostgresStatement(
        """
        with back as (
          select distinct on (n.shard, n.sequence) n.shard, n.sequence, n.topic, n.round, n.reason, n.detail
            from \(naming) order by n.shard, n.sequence, n.round desc, n.place desc
        ), found as materialized (
          select d.shard, d.sequence, b.round, b.reason, b.detail
            from back b join dead_letters d on (d.shard, d.sequence, d.topic) = (b.shard, b.sequence, b.topic)
           order by d.shard, d.sequence for update of d
        )
        update dead_letters d
           set rounds = greatest(d.rounds, least(f.round, d.rounds + 1)), reason = f.reason, detail = f.detail,
               changed_at = now(), unpublished = null,
               status = case when d.status = 'dropped' then d.status
                             when greatest(d.rounds, least(f.round, d.rounds + 1)) >= $5 then 'parked'
                             else 'open' end
          from found f where (d.shard, d.sequence) = (f.shard, f.sequence)
        """,
        [
          .texts(letters.map(\.record.topic)), named[0], named[1], named[2], named[3], .texts(letters.map(\.reason)),
          .texts(letters.map(\.detail)),
        ]),
      PostgresStatement(
        """
        insert into dead_letter_history
          (letter_shard, letter_sequence, action, actor, round, reason, detail, shard, sequence)
        select n.of_shard, n.of_sequence, case when d.status = 'parked' then 'parked' else 'returned' end,
               'mediator', n.round, n.reason, n.detail, $1, n.sequence
          from \(returning)
          join dead_letters d on (d.shard, d.sequence, d.topic) = (n.of_shard, n.of_sequence, n.topic)
         order by n.sequence
        """, all),
      PostgresStatement(
        """
        insert into dead_letters
          (shard, sequence, topic, partition, "offset", timestamp, key, value, headers, reason, detail, instance)
        select $1, n.sequence, n.topic, n.partition, n."offset", n.timestamp, n.key, n.value, n.headers, n.reason,
               n.detail, n.instance
          from \(returning)
         where not exists (
           select from dead_letters d where (d.shard, d.sequence, d.topic) = (n.of_shard, n.of_sequence, n.topic))
        """, all),
    ]
  }

  private static let naming = """
    unnest($1::text[], $2::int4[], $3::int8[], $4::int4[], $6::text[], $7::text[]) with ordinality
      as n(topic, shard, sequence, round, reason, detail, place)
    """

  private static let returning = """
    unnest($2::int8[], $3::text[], $4::int4[], $5::int8[], $6::int8[], $7::bytea[], $8::bytea[], $9::bytea[],
           $10::text[], $11::text[], $12::uuid[], $13::int4[], $14::int8[], $15::int4[])
      as n(sequence, topic, partition, "offset", timestamp, key, value, headers, reason, detail, instance,
           of_shard, of_sequence, round)
    """

  // MARK: The topic

  private static func leaveUnpublished(_ letters: [UnpublishedLetter], _ shard: Int32) -> PostgresStatement {
    PostgresStatement(
      """
      with refused as (
        select * from unnest($2::int8[], $3::text[]) as r(sequence, reason)
      ), named as (
        select distinct on (l.shard, l.sequence) l.shard, l.sequence, r.reason
          from refused r
          join lateral (
            select $1::int4 as shard, r.sequence
             where exists (select from dead_letters d where (d.shard, d.sequence) = ($1, r.sequence))
            union all
            select h.letter_shard, h.letter_sequence from dead_letter_history h
             where (h.shard, h.sequence) = ($1, r.sequence)
          ) l on true
      )
      update dead_letters d
         set unpublished = n.reason, publish_at = now() + interval '30 seconds', publish_failures = 1
        from named n where (d.shard, d.sequence) = (n.shard, n.sequence)
      """,
      [.int4(shard), .int8s(letters.map(\.sequence)), .texts(letters.map(\.reason))])
  }

  /// What a new owner publishes again: letters and those that came back, by their places in the shard's journal. The
  /// record of one that came back is that of its last round.
  static let unpublished = """
    select sequence, topic, partition, "offset", timestamp, key, value, headers, reason, detail, null::int4 as of_shard,
           null::int8 as of_sequence, null::int4 as round
      from dead_letters where shard = $1 and sequence > $2 and unpublished is null
    union all
    select h.sequence, d.topic, d.partition, d."offset", d.timestamp, d.key,
           case when d.is_edited then d.edited_value else d.value end,
           case when d.is_edited then d.edited_headers else d.headers end, h.reason, h.detail, d.shard, d.sequence,
           h.round
      from dead_letter_history h join dead_letters d on (d.shard, d.sequence) = (h.letter_shard, h.letter_sequence)
     where h.shard = $1 and h.sequence > $2 and d.unpublished is null
     order by 1 limit $3
    """

  static func letter(_ row: PostgresRow) throws(MediatorError) -> DeadLetter {
    try store { () throws(PostgresError) in
      var record = KafkaRecord(
        topic: try row.text("topic"), partition: Int32(try row.int("partition")),
        offset: Int64(try row.int("offset")), timestamp: Int64(try row.int("timestamp")),
        key: try row.optionalBytes("key"), value: try row.optionalBytes("value"),
        headers: HeaderBytes.decode(try row.bytes("headers")))
      if let shard = try row.optionalInt("of_shard"), let sequence = try row.optionalInt64("of_sequence") {
        let redrive = Redrive(
          letter: DeadLetterID(shard: Int32(shard), sequence: sequence), round: try row.optionalInt("round") ?? 1,
          origin: record.offset < 0 ? nil : "\(record.topic)/\(record.partition)/\(record.offset)")
        record.headers = redrive.added(to: record.headers)
      }
      return DeadLetter(
        sequence: try row.int64("sequence"), record: record, reason: try row.text("reason"),
        detail: try row.text("detail"))
    }
  }
}

extension Array {
  /// Those that fulfil the condition, and the others, each in their order.
  fileprivate func divided(_ isFirst: (Element) -> Bool) -> ([Element], [Element]) {
    (filter(isFirst), filter { !isFirst($0) })
  }
}
