import Kafka
import Postgres
import Values
import Wire

/// The inbox's statements.
enum InboxRows {
  static let primaryKey = "processor_inbox_pkey"

  static func find(_ keys: [String], processor: String) -> PostgresStatement {
    PostgresStatement(
      """
      select idempotency_key, reply_type, reply_value from processor_inbox
       where processor = $1 and idempotency_key = any($2)
      """,
      [.text(processor), .texts(keys)])
  }

  static func decode(_ rows: PostgresRows) throws(PostgresError) -> [String: Outcome] {
    var outcomes: [String: Outcome] = [:]
    for row in rows { outcomes[try row.text(0)] = try decode(try row.text(1), try row.bytes(2)) }
    return outcomes
  }

  private static func decode(_ type: String, _ value: [UInt8]) throws(PostgresError) -> Outcome {
    let headers = [("ce_causationid", "-"), ("ce_correlationid", "-"), ("ce_type", type)]
    let record = KafkaRecord(
      topic: "", partition: 0, offset: 0, value: value,
      headers: headers.map { KafkaHeader(name: $0.0, value: Array($0.1.utf8)) })
    do throws(WireError) {
      switch try Reply.decode(record, limits: DecodeLimits(maxBytes: .max)).kind {
      case .completed(let output): return .completed(output)
      case .failed(let failure): return .failed(failure)
      case .progress: throw WireError(.unsupported, "a progress is no outcome")
      }
    } catch {
      throw PostgresError(code: .decoding, message: "a stored reply cannot be read: \(error.message)")
    }
  }

  /// Fails with a unique violation of ``primaryKey`` if any of them is there already: then another member was faster,
  /// and the whole transaction must not be.
  static func insert(_ outcomes: [(key: String, outcome: Outcome)], processor: String) -> PostgresStatement {
    PostgresStatement(
      """
      insert into processor_inbox (processor, idempotency_key, reply_type, reply_value)
      select $1, * from unnest($2::text[], $3::text[], $4::json[])
      """,
      [
        .text(processor), .texts(outcomes.map(\.key)), .texts(outcomes.map { $0.outcome.replyType }),
        .jsons(outcomes.map { $0.outcome.replyValue.serialized() }),
      ])
  }

  /// For an effect that has happened already, whoever else has been at it too: the first outcome stays.
  static func insertUnlessThere(_ key: String, _ outcome: Outcome, processor: String) -> PostgresStatement {
    PostgresStatement(
      """
      insert into processor_inbox (processor, idempotency_key, reply_type, reply_value)
      values ($1, $2, $3, $4) on conflict do nothing
      """,
      [.text(processor), .text(key), .text(outcome.replyType), .json(outcome.replyValue.serialized())])
  }
}

extension Outcome {
  fileprivate var replyType: String {
    switch self {
    case .completed: "task.completed"
    case .failed: "task.failed"
    }
  }

  fileprivate var replyValue: JSON {
    switch self {
    case .completed(let output): output
    case .failed(let failure): failure.json
    }
  }
}
