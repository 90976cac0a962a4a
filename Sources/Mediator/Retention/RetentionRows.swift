import Postgres

/// One delete of what is over, small enough to hold up nobody.
///
/// Two that delete at the same time pass over each other's rows. Nothing here needs the shard's epoch: what has ended, and
/// is published, is over for every owner. An instance that an operator runs again is locked against one that deletes it.
struct RetentionRows: Sendable {
  let shard: Int32
  let options: RetentionOptions
  let timeout: Duration

  /// What was deleted.
  struct Deleted: Sendable, Equatable {
    var instances = 0
    var journal = 0
    var forwardedReplies = 0
    var deadLetters = 0
    /// Whether there may be more.
    var isFull = false

    var isEmpty: Bool { instances + journal + forwardedReplies + deadLetters == 0 }
  }

  func delete(on connection: PostgresConnection) async throws(PostgresError) -> Deleted {
    let instances: [PostgresValue] = [
      .int4(shard), .int8(options.instances.milliseconds), .int4(Int32(options.maxInstances)),
    ]
    let rows = try await connection.pipeline(
      [
        PostgresStatement("begin"),
        PostgresStatement(Self.journal, instances + [.int4(Int32(options.maxRows))]),
        PostgresStatement(Self.ended, instances),
        PostgresStatement(Self.forwarded, [.int4(shard), .int4(Int32(options.maxRows))]),
        PostgresStatement(
          Self.deadLetters,
          [.int4(shard), .int8(options.deadLetters.milliseconds), .int4(Int32(options.maxInstances))]),
        PostgresStatement("commit"),
      ], timeout: timeout)
    var deleted = Deleted(
      instances: rows[2].affected, journal: rows[1].affected, forwardedReplies: rows[3].affected,
      deadLetters: rows[4].affected)
    deleted.isFull =
      max(deleted.instances, deleted.deadLetters) >= options.maxInstances || deleted.journal >= options.maxRows
      || deleted.forwardedReplies >= options.maxRows
    return deleted
  }

  /// The rows of the journal go first: an instance with very many of them takes several deletes. Those above the publish
  /// mark stay, for a new owner reads them together with their instance.
  private static let journal = """
    with over as materialized (\(due))
    delete from journal where ctid = any(array(
      select j.ctid from over join journal j on j.instance = over.id
       where j.shard = $1 and j.sequence <= (select publish_mark from shards where shard = $1) limit $4))
    """

  private static let ended = """
    with over as materialized (\(due))
    delete from instances using over
     where instances.id = over.id and not exists (select from journal j where j.instance = over.id)
    """

  private static let due = """
    select id from instances
     where shard = $1 and ended_at < clock_timestamp() - $2 * interval '1 millisecond'
     order by ended_at limit $3 for update skip locked
    """

  /// With their history. Those that nobody has dealt with, that came back too often, or that the topic has not got, stay.
  /// The two kinds are found by different indexes: those that are resolved all name an instance.
  private static let deadLetters = """
    with dealt as materialized (
      \(overdue("status in ('redriven', 'dropped')"))
    ), resolved as materialized (
      \(overdue("status = 'resolved' and instance is not null"))
    ), over as (
      select * from dealt union all select * from resolved
    ), history as (
      delete from dead_letter_history h using over
       where h.letter_shard = over.shard and h.letter_sequence = over.sequence
    )
    delete from dead_letters d using over where d.shard = over.shard and d.sequence = over.sequence
    """

  private static func overdue(_ condition: String) -> String {
    """
    select shard, sequence from dead_letters
     where shard = $1 and \(condition) and unpublished is null
       and changed_at < clock_timestamp() - $2 * interval '1 millisecond'
       and sequence <= (select publish_mark from shards where shard = $1)
     order by changed_at limit $3 for update skip locked
    """
  }

  private static let forwarded = """
    delete from forwarded_replies where ctid = any(array(
      select ctid from forwarded_replies
       where shard = $1 and sequence <= (select publish_mark from shards where shard = $1) limit $2
         for update skip locked))
    """
}
