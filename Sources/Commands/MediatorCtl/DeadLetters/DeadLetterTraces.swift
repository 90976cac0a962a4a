import Kafka
import Mediator
import Postgres
import Values
import Wire

/// What a dead letter has to do with: the instance that it names, and those that its event has started.
struct DeadLetterTraces {
  private let instances: InstanceQueries
  private let letters: DeadLetterQueries

  init(_ pool: PostgresPool) {
    instances = InstanceQueries(pool: pool)
    letters = DeadLetterQueries(pool: pool)
  }

  func instances(of letter: DeadLetterDetail) async throws -> [InstanceSummary] {
    if let instance = letter.entry.instance { return try await instances.summaries(of: [instance]) }
    guard let event = Self.event(in: letter) else { return [] }
    let ids: [UUIDValue]
    if let source = event.source {
      ids = try await instances.instances(ofEvent: event.id, source: source).map(\.id)
    } else {
      // Started when it was sent again, so after it had become a dead letter.
      ids = try await letters.instances(ofEvent: event.id, since: letter.entry.createdAt)
    }
    return try await instances.summaries(of: ids)
  }

  /// The event's id, and its source where the record says it.
  static func event(in letter: DeadLetterDetail) -> (id: String, source: String?)? {
    var record = letter.edited ?? letter.original
    record.headers = letter.redriven(round: 1, partitions: 0).headers
    let binding = EventBinding(type: "?", source: "?")
    guard let event = try? CloudEventCodec.decode(record, binding: binding, limits: DecodeLimits(maxBytes: 64 << 20))
    else { return nil }
    return (event.id, event.type == "?" ? nil : event.source)
  }
}
