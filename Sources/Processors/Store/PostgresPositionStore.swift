import Kafka
import Postgres

/// Positions in `processor_positions`, on a connection of their own.
///
/// One write after the other: each is made over what the one before has left.
actor PostgresPositionStore: PositionStore {
  private let group: String
  private let store: StoreConnection
  private let timeout: Duration
  /// What the table says, as far as this member knows.
  private var known: [TopicPartition: Int64] = [:]
  /// The highest that was sent since, without an answer: the table says something from what is known to this.
  private var unanswered: [TopicPartition: Int64] = [:]
  private var last: Task<Result<Void, ProcessorError>, Never>?

  init(group: String, configuration: PostgresConfiguration, timeout: Duration) {
    self.group = group
    // A service that ends does not wait longer for this: what is not written costs only repeated deliveries.
    self.timeout = min(timeout, .seconds(2))
    var configuration = configuration
    configuration.connectTimeout = min(configuration.connectTimeout, .seconds(2))
    store = StoreConnection(configuration)
  }

  func close() async { await store.close() }

  func load(_ partitions: [TopicPartition]) async throws(ProcessorError) -> [TopicPartition: Int64] {
    let rows = try await run(
      """
      select topic, partition, position from processor_positions
       where consumer_group = $1 and (topic, partition) in (select * from unnest($2::text[], $3::int4[]))
      """, [.text(group), .texts(partitions.map(\.topic)), .int4s(partitions.map(\.partition))])
    do throws(PostgresError) {
      var found: [TopicPartition: Int64] = [:]
      for row in rows {
        let partition = TopicPartition(topic: try row.text(0), partition: Int32(try row.int(1)))
        found[partition] = try row.int64(2)
      }
      for partition in partitions { (known[partition], unanswered[partition]) = (found[partition], nil) }
      return found
    } catch {
      throw ProcessorError(postgres: error)
    }
  }

  func save(_ positions: [TopicPartition: Int64]) async throws(ProcessorError) {
    let before = last
    let task = Task { () async -> Result<Void, ProcessorError> in
      _ = await before?.value
      return await write(positions)
    }
    last = task
    try await task.value.get()
  }

  private func write(_ positions: [TopicPartition: Int64]) async -> Result<Void, ProcessorError> {
    let entries = positions.map { partition, position in
      let before = known[partition] ?? -1
      return (partition: partition, position: position, before: before, most: max(before, unanswered[partition] ?? -1))
    }
    for entry in entries { unanswered[entry.partition] = max(entry.position, entry.most) }
    do throws(ProcessorError) {
      let rows = try await run(
        Self.update,
        [
          .text(group), .texts(entries.map(\.partition.topic)), .int4s(entries.map(\.partition.partition)),
          .int8s(entries.map(\.position)), .int8s(entries.map(\.before)), .int8s(entries.map(\.most)),
        ])
      guard rows.count == entries.count else {
        throw ProcessorError(
          .memberLost,
          "the database does not say of \(entries.count - rows.count) partitions what was written there last: an older "
            + "state of it was put back, or another member has them")
      }
      for entry in entries { (known[entry.partition], unanswered[entry.partition]) = (entry.position, nil) }
      return .success(())
    } catch {
      return .failure(error)
    }
  }

  private func run(_ sql: String, _ parameters: [PostgresValue]) async throws(ProcessorError) -> PostgresRows {
    do throws(PostgresError) {
      return try await store.get().query(sql, parameters, timeout: timeout)
    } catch {
      throw ProcessorError(postgres: error)
    }
  }

  /// Only over what is known to be there, or may be; -1: nothing. Gives a row for each that was written.
  private static let update = """
    with given as (
      select * from unnest($2::text[], $3::int4[], $4::int8[], $5::int8[], $6::int8[])
                 as g(topic, partition, position, before, most)
    ), moved as (
      update processor_positions p set position = g.position from given g
       where (p.consumer_group, p.topic, p.partition) = ($1, g.topic, g.partition)
         and p.position between g.before and g.most
      returning 1
    ), first as (
      insert into processor_positions (consumer_group, topic, partition, position)
      select $1, topic, partition, position from given where before = -1
          on conflict do nothing returning 1
    )
    select * from moved union all select * from first
    """
}
