import Engine
import Kafka
import Postgres
import Values

/// Journal, dead letters and forwarded replies as rows: what is written once per step, and read when a new owner has
/// to publish what the one before may not have.
enum OutboxRows {
  static func insert(_ journal: [JournalRow], shard: Int32) -> PostgresStatement {
    PostgresStatement(
      """
      insert into journal (shard, sequence, instance, at, requests, entries)
      select $1, * from unnest($2::int8[], $3::uuid[], $4::timestamptz[], $5::int4[], $6::json[])
      """,
      [
        .int4(shard), .int8s(journal.map(\.sequence)), .uuids(journal.map { PostgresUUID($0.instance) }),
        .timestamps(journal.map(\.at.microseconds)), .int4s(journal.map { Int32($0.publications) }),
        .jsons(journal.map { JSON.array($0.entries.map(\.json)).serialized() }),
      ])
  }

  static func insert(_ replies: [ForwardedReply], shard: Int32) -> PostgresStatement {
    PostgresStatement(
      """
      insert into forwarded_replies (shard, sequence, partition, key, value, headers)
      select $1, * from unnest($2::int8[], $3::int4[], $4::bytea[], $5::bytea[], $6::bytea[])
      """,
      [
        .int4(shard), .int8s(replies.map(\.sequence)), .int4s(replies.map(\.partition)),
        .bytesArray(replies.map(\.record.key)), .bytesArray(replies.map(\.record.value)),
        .bytesArray(replies.map { HeaderBytes.encode($0.record.headers) }),
      ])
  }

  // MARK: Reading

  /// The rows above `sequence` that have something to publish, merged in order.
  static func load(
    _ connection: PostgresConnection, shard: Int32, after sequence: Int64, limit: Int, everyRow: Bool,
    timeout: Duration
  ) async throws(MediatorError) -> [UnpublishedRow] {
    let bounds: [PostgresValue] = [.int4(shard), .int8(sequence), .int8(Int64(limit))]
    let results: [PostgresRows]
    do throws(PostgresError) {
      results = try await connection.pipeline(
        [
          PostgresStatement(journalQuery, bounds + [.bool(everyRow)]),
          PostgresStatement(DeadLetterRows.unpublished, bounds),
          PostgresStatement(forwardedQuery, bounds),
          PostgresStatement(migrationsQuery, [.int4(shard), .int8(sequence)]),
        ], timeout: timeout)
    } catch {
      throw MediatorError(postgres: error)
    }
    let versions = FormerVersions(try results[3].map(migration))
    var rows: [UnpublishedRow] = []
    for row in results[0] { rows.append(try journalRow(row, versions)) }
    for row in results[1] { rows.append(.deadLetter(try DeadLetterRows.letter(row))) }
    for row in results[2] { rows.append(.forwarded(try forwarded(row))) }
    // Each query was limited by itself: beyond the limit in one of them, the others' rows have to wait their turn.
    return Array(rows.sorted { $0.sequence < $1.sequence }.prefix(limit))
  }

  private static let journalQuery = """
    select j.sequence, j.instance, j.at, j.entries, i.definition, i.key
      from journal j join instances i on i.id = j.instance
     where j.shard = $1 and j.sequence > $2 and (j.requests > 0 or $4) order by j.sequence limit $3
    """

  /// Also those beyond the limit. A migration is a row by itself and sends nothing; not many rows lie above a mark.
  private static let migrationsQuery = """
    select sequence, instance, entries -> 0 ->> 'from' as version
      from journal
     where shard = $1 and sequence > $2 and requests = 0 and entries -> 0 ->> 'is' = 'workflow.migrated'
    """

  private static let forwardedQuery = """
    select sequence, partition, key, value, headers
      from forwarded_replies where shard = $1 and sequence > $2 order by sequence limit $3
    """

  private static func migration(_ row: PostgresRow) throws(MediatorError) -> FormerVersions.Migration {
    try store { () throws(PostgresError) in
      FormerVersions.Migration(
        sequence: Int64(try row.int("sequence")), instance: UUIDValue(try row.uuid("instance")),
        from: try row.text("version"))
    }
  }

  private static func journalRow(
    _ row: PostgresRow, _ versions: FormerVersions
  ) throws(MediatorError) -> UnpublishedRow {
    let (sequence, at, found, bytes) = try store { () throws(PostgresError) in
      (
        Int64(try row.int("sequence")), Timestamp(microseconds: try row.timestamp("at")),
        StoredInstance.Address(
          id: UUIDValue(try row.uuid("instance")), definition: Int32(try row.int("definition")),
          key: try row.optionalBytes("key")),
        try row.bytes("entries")
      )
    }
    var address = found
    address.formerVersion = versions.version(of: found.id, at: sequence)
    do {
      let entries = try (try JSON.parse(bytes).array ?? []).map { try JournalEntry($0) }
      return .journal(JournalRow(sequence: sequence, instance: address.id, at: at, entries: entries), address)
    } catch {
      throw MediatorError(.store, "the journal row \(sequence) cannot be read: \(error)")
    }
  }

  private static func forwarded(_ row: PostgresRow) throws(MediatorError) -> ForwardedReply {
    try store { () throws(PostgresError) in
      let partition = Int32(try row.int("partition"))
      return ForwardedReply(
        sequence: Int64(try row.int("sequence")), partition: partition,
        record: KafkaRecord(
          topic: "", partition: partition, offset: -1, timestamp: -1, key: try row.optionalBytes("key"),
          value: try row.optionalBytes("value"), headers: HeaderBytes.decode(try row.bytes("headers"))))
    }
  }
}

/// Kafka headers as bytes: they may hold anything, so no text form is safe. Per header: length and bytes of the name,
/// then a length (-1 for none) and bytes of the value; lengths are 32-bit big-endian.
enum HeaderBytes {
  static func encode(_ headers: [KafkaHeader]) -> [UInt8] {
    var bytes: [UInt8] = []
    func append(_ length: Int) {
      let value = UInt32(bitPattern: Int32(length))
      for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(shift))) }
    }
    for header in headers {
      append(header.name.utf8.count)
      bytes += header.name.utf8
      append(header.value?.count ?? -1)
      bytes += header.value ?? []
    }
    return bytes
  }

  /// Reads as much as is well formed.
  static func decode(_ bytes: [UInt8]) -> [KafkaHeader] {
    var headers: [KafkaHeader] = []
    var rest = bytes[...]
    func length() -> Int? {
      guard rest.count >= 4 else { return nil }
      defer { rest = rest.dropFirst(4) }
      return Int(Int32(bitPattern: rest.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }))
    }
    while let nameLength = length(), nameLength >= 0, nameLength <= rest.count {
      let name = String(decoding: rest.prefix(nameLength), as: UTF8.self)
      rest = rest.dropFirst(nameLength)
      guard let valueLength = length(), valueLength <= rest.count else { break }
      guard valueLength >= 0 else {
        headers.append(KafkaHeader(name: name, value: nil))
        continue
      }
      headers.append(KafkaHeader(name: name, value: Array(rest.prefix(valueLength))))
      rest = rest.dropFirst(valueLength)
    }
    return headers
  }
}

/// Positions as rows.
enum PositionRows {
  static func upsert(_ positions: [TopicPartition: Position]) -> PostgresStatement {
    let rows = positions.sorted { ($0.key.topic, $0.key.partition) < ($1.key.topic, $1.key.partition) }
    return PostgresStatement(
      """
      insert into positions (topic, partition, position, timestamp, checksum)
      select * from unnest($1::text[], $2::int4[], $3::int8[], $4::int8[], $5::int8[])
      on conflict (topic, partition) do update
        set position = excluded.position, timestamp = excluded.timestamp, checksum = excluded.checksum
      """,
      [
        .texts(rows.map(\.key.topic)), .int4s(rows.map(\.key.partition)), .int8s(rows.map(\.value.next)),
        .int8s(rows.map(\.value.timestamp)), .int8s(rows.map(\.value.checksum)),
      ])
  }
}
