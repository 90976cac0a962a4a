import Postgres

/// An inbox for effects outside of Postgres that need no other record.
protocol EffectLedger: Inbox {
  /// Records a final outcome; one that is there already stays.
  func settle(_ key: String, _ outcome: Outcome) async throws(ProcessorError)
}

/// The ledger in `processor_inbox`.
final class PostgresEffectLedger: EffectLedger {
  private let processor: String
  private let store: StoreConnection
  private let commits: GroupCommit

  init(processor: String, configuration: PostgresConfiguration, timeout: Duration) {
    self.processor = processor
    store = StoreConnection(configuration)
    commits = GroupCommit(store, timeout: timeout)
  }

  func close() async { await store.close() }

  func find(_ keys: [String]) async throws(ProcessorError) -> [String: Outcome] {
    let rows = try await commits.run([InboxRows.find(keys, processor: processor)])
    do throws(PostgresError) {
      return try InboxRows.decode(rows[0])
    } catch {
      throw ProcessorError(postgres: error)
    }
  }

  func settle(_ key: String, _ outcome: Outcome) async throws(ProcessorError) {
    _ = try await commits.run([InboxRows.insertUnlessThere(key, outcome, processor: processor)])
  }
}
