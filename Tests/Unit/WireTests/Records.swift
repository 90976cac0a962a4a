import Kafka
import Wire

/// A record on `mediator.queue`, partition 3, offset 17.
func record(
  _ value: String?, _ headers: [(String, String?)] = [], topic: String = "mediator.queue", key: String? = nil
) -> KafkaRecord {
  KafkaRecord(
    topic: topic, partition: 3, offset: 17, key: key.map { Array($0.utf8) }, value: value.map { Array($0.utf8) },
    headers: headers.map { KafkaHeader(name: $0, value: $1.map { Array($0.utf8) }) })
}

/// What a written record is when it is read.
func stored(_ outgoing: OutgoingRecord) -> KafkaRecord {
  KafkaRecord(
    topic: outgoing.topic, partition: outgoing.partition ?? 0, offset: 0, key: outgoing.key, value: outgoing.value,
    headers: outgoing.headers)
}

extension OutgoingRecord {
  /// The headers as texts, in order.
  var texts: [String] {
    headers.map { "\($0.name): \(String(decoding: $0.value ?? [], as: UTF8.self))" }
  }

  var text: String { String(decoding: value ?? [], as: UTF8.self) }
}

func code(_ body: () throws -> Void) -> WireError.Code? {
  do {
    try body()
    return nil
  } catch { return (error as? WireError)?.code }
}
