import Kafka
import TestSupport
import Values

/// An initial event, or one that workflows listen to.
struct SentEvent {
  let type: String
  let id: String
  /// Events of one key keep their order.
  let key: String
  let data: JSON

  /// - Parameter key: nil: one of its own.
  init(_ type: String, _ id: String, key: String? = nil, _ data: JSON) {
    self.type = type
    self.id = id
    self.key = key ?? id
    self.data = data
  }

  fileprivate var record: OutgoingRecord {
    let attributes = [
      ("ce_specversion", "1.0"), ("ce_id", id), ("ce_source", "/tests"), ("ce_type", type),
      ("content-type", "application/json"),
    ]
    return OutgoingRecord(
      topic: "mediator.queue", key: Array(key.utf8), value: data.serialized(),
      headers: attributes.map { KafkaHeader(name: $0.0, value: Array($0.1.utf8)) })
  }
}

extension Cluster {
  func send(_ events: [SentEvent]) async throws {
    let producer = try KafkaProducer(kafka)
    for result in await producer.send(events.map(\.record)) { _ = try result.get() }
    await producer.close()
  }

  /// Waits until the query gives this many, or more.
  func wait(for count: Int, within limit: Duration = .seconds(60), _ what: String, _ sql: String) async throws {
    try await poll(within: limit, every: .milliseconds(100), what) {
      try await self.count(sql) >= count ? true : nil
    }
  }
}

extension KafkaRecord {
  func header(_ name: String) -> String? {
    headers.first { $0.name == name }?.value.map { String(decoding: $0, as: UTF8.self) }
  }
}
