import HTTP
import Kafka
import Postgres
import Values

/// Everything that counts up while workflows run, at one moment.
struct Snapshot {
  var time: ContinuousClock.Instant
  var processors: ProcessorTime
  var metrics: MetricsPage
}

/// What Postgres counts, of the whole cluster.
struct ServerCounts {
  var rowsWritten: Double
  var commits: Double
  var walBytes: Double
  var walSyncs: Double
  /// 0 unless track_wal_io_timing is on.
  var walSyncMilliseconds: Double

  /// Backends report what they did with a delay of up to a second.
  static let delay = Duration.milliseconds(1_200)

  static func read(_ connection: PostgresConnection) async throws -> ServerCounts {
    let rows = try await connection.query(
      """
      select (tup_inserted + tup_updated + tup_deleted)::float8 as rows, xact_commit::float8 as commits,
             wal_bytes::float8 as bytes, wal_sync::float8 as syncs, wal_sync_time::float8 as sync_time
        from pg_stat_database, pg_stat_wal where datname = current_database()
      """)
    let row = rows[0]
    return ServerCounts(
      rowsWritten: try row.double("rows"), commits: try row.double("commits"), walBytes: try row.double("bytes"),
      walSyncs: try row.double("syncs"), walSyncMilliseconds: try row.double("sync_time"))
  }
}

/// How many records the broker has taken in all of the mediator's topics.
func storedRecords(_ admin: KafkaAdmin) async throws -> Int {
  var partitions: [TopicPartition] = []
  for topic in try await admin.topics().values where topic.name.hasPrefix("mediator.") {
    partitions += topic.partitions.map { TopicPartition(topic: topic.name, partition: $0) }
  }
  return Int(try await admin.watermarks(partitions).values.reduce(0) { $0 + $1.high })
}
