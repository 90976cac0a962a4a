import Logging
import Metrics
import Postgres

/// Deletes what is over of the shards that this mediator owns, in the background and on a connection of its own.
struct RetentionSweeper: Sendable {
  let database: PostgresConfiguration
  let options: RetentionOptions
  let timeout: Duration
  let logger: Logger
  private let instances = Counter(label: "mediator_retention_deleted_total", dimensions: [("table", "instances")])
  private let journal = Counter(label: "mediator_retention_deleted_total", dimensions: [("table", "journal")])
  private let deadLetters = Counter(
    label: "mediator_retention_deleted_total", dimensions: [("table", "dead_letters")])
  private let forwarded = Counter(
    label: "mediator_retention_deleted_total", dimensions: [("table", "forwarded_replies")])

  init(database: PostgresConfiguration, options: RetentionOptions, timeout: Duration, logger: Logger) {
    self.database = database
    self.options = options
    self.timeout = timeout
    self.logger = logger
  }

  /// Runs until its task is cancelled.
  ///
  /// - Parameter shards: those that are owned at the moment of the call.
  func run(_ shards: @Sendable () async -> [Int32]) async {
    while !Task.isCancelled {
      // Mediators that start together should not delete together.
      try? await Task.sleep(for: options.interval * Double.random(in: 0.75...1.25))
      guard !Task.isCancelled else { return }
      do throws(PostgresError) {
        try await sweep(shards)
      } catch  where error.code == .server || error.code == .decoding {
        logger.warning("what is over was not deleted", metadata: ["reason": "\(error)"])
      } catch {
        // That Postgres is away is said elsewhere.
        logger.debug("what is over was not deleted", metadata: ["reason": "\(error)"])
      }
    }
  }

  private func sweep(_ shards: @Sendable () async -> [Int32]) async throws(PostgresError) {
    let owned = await shards()
    guard !owned.isEmpty else { return }
    let connection = try await PostgresConnection.connect(database)
    var failure: PostgresError?
    for shard in owned {
      do throws(PostgresError) {
        try await sweep(shard, on: connection)
      } catch {
        failure = failure ?? error
        if error.isConnectionLost { break }
      }
    }
    await connection.close()
    if let failure { throw failure }
  }

  /// Deletes until nothing is over.
  func sweep(_ shard: Int32, on connection: PostgresConnection) async throws(PostgresError) {
    let rows = RetentionRows(shard: shard, options: options, timeout: timeout)
    while !Task.isCancelled {
      let deleted = try await rows.delete(on: connection)
      instances.increment(by: deleted.instances)
      journal.increment(by: deleted.journal)
      deadLetters.increment(by: deleted.deadLetters)
      forwarded.increment(by: deleted.forwardedReplies)
      guard deleted.isFull else { return }
      // Between small deletes the disk belongs to the shards.
      try? await Task.sleep(for: options.pause)
    }
  }
}
