import Postgres
import Values

/// The ledger in the tables `telegram_messages`, `telegram_chats` and `processor_inbox`.
public final class PostgresTelegramLedger: TelegramLedger {
  private let processor: String
  private let store: StoreConnection
  private let commits: GroupCommit

  public init(processor: String, configuration: PostgresConfiguration, timeout: Duration = .seconds(10)) {
    self.processor = processor
    store = StoreConnection(configuration)
    commits = GroupCommit(store, timeout: timeout)
  }

  public func close() async { await store.close() }

  public func find(_ keys: [String]) async throws(ProcessorError) -> [String: Outcome] {
    let rows = try await commits.run([InboxRows.find(keys, processor: processor)])
    return try decoding { () throws(PostgresError) in try InboxRows.decode(rows[0]) }
  }

  func begin(_ message: TelegramMessage, key: String) async throws(ProcessorError) -> TelegramBeginning {
    // An attempt whose end is not known may have arrived. What was sent stays sent.
    let intent = PostgresStatement(
      """
      insert into telegram_messages as m (processor, idempotency_key, chat, text, status, parts)
      values ($1, $2, $3, $4, 'sending', $5)
      on conflict (processor, idempotency_key) do update
         set status = case when m.status in ('sent', 'printed') then m.status else 'sending' end,
             attempts = m.attempts + 1, updated_at = now(),
             possible_repeat = m.possible_repeat or m.status in ('sending', 'uncertain')
      returning status, parts_sent, message_ids, possible_repeat
      """,
      [.text(processor), .text(key), .text(message.chat), .text(message.text), .int4(Int32(message.parts.count))])
    let disabled = PostgresStatement("select reason from telegram_chats where chat = $1", [.text(message.chat)])
    let rows = try await commits.run([intent, disabled])
    return try decoding { () throws(PostgresError) in
      guard let row = rows[0].first else { throw PostgresError(code: .decoding, message: "no row of the intent") }
      let progress = TelegramProgress(
        partsSent: try row.int("parts_sent"), messageIDs: try row.int64s("message_ids").compactMap { $0 },
        possibleRepeat: try row.bool("possible_repeat"))
      if ["sent", "printed"].contains(try row.text("status")) { return .alreadySent(progress) }
      if let row = rows[1].first { return .chatDisabled(reason: try row.text("reason")) }
      return .go(progress)
    }
  }

  func advance(_ key: String, to progress: TelegramProgress) async throws(ProcessorError) {
    let update = PostgresStatement(
      """
      update telegram_messages
         set parts_sent = $3, message_ids = $4, possible_repeat = $5, updated_at = now()
       where processor = $1 and idempotency_key = $2
      """,
      [
        .text(processor), .text(key), .int4(Int32(progress.partsSent)), .int8s(progress.messageIDs),
        .bool(progress.possibleRepeat),
      ])
    _ = try await commits.run([update])
  }

  func end(
    _ message: TelegramMessage, key: String, _ end: TelegramEnd, outcome: Outcome
  ) async throws(ProcessorError) {
    var statements = [
      PostgresStatement(
        """
        insert into telegram_messages
          (processor, idempotency_key, chat, text, status, parts, parts_sent, message_ids, possible_repeat, error)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        on conflict (processor, idempotency_key) do update
           set status = excluded.status, parts_sent = excluded.parts_sent, message_ids = excluded.message_ids,
               possible_repeat = excluded.possible_repeat, error = excluded.error, updated_at = now()
        """,
        [
          .text(processor), .text(key), .text(message.chat), .text(message.text), .text(end.status.rawValue),
          .int4(Int32(message.parts.count)), .int4(Int32(end.progress.partsSent)), .int8s(end.progress.messageIDs),
          .bool(end.progress.possibleRepeat), end.error.map { .text($0) } ?? .null,
        ])
    ]
    if let reason = end.disablesChat {
      statements.append(
        PostgresStatement(
          "insert into telegram_chats (chat, reason) values ($1, $2) on conflict (chat) do nothing",
          [.text(message.chat), .text(reason)]))
    }
    if outcome.isFinal { statements.append(InboxRows.insertUnlessThere(key, outcome, processor: processor)) }
    _ = try await commits.run(statements)
  }

  private func decoding<Value>(_ body: () throws(PostgresError) -> Value) throws(ProcessorError) -> Value {
    do throws(PostgresError) {
      return try body()
    } catch {
      throw ProcessorError(postgres: error)
    }
  }
}
