import Kafka
import Values

extension CloudEventCodec {
  /// Writes an event in binary mode.
  ///
  /// - Parameter partition: `nil` leaves the choice to the key.
  public static func encode(
    _ event: CloudEvent, topic: String, partition: Int32? = nil, key: [UInt8]?
  ) -> OutgoingRecord {
    var headers: [KafkaHeader] = [
      .specVersion, KafkaHeader("ce_id", event.id), KafkaHeader("ce_source", event.source),
      KafkaHeader("ce_type", event.type),
    ]
    if let subject = event.subject { headers.append(KafkaHeader("ce_subject", subject)) }
    if let time = event.time { headers.append(KafkaHeader("ce_time", time)) }
    if let schema = event.dataSchema { headers.append(KafkaHeader("ce_dataschema", schema)) }
    for (name, value) in event.extensions.sorted(by: { $0.key < $1.key }) {
      headers.append(KafkaHeader("ce_" + name, value))
    }
    if let contentType = event.dataContentType {
      headers.append(KafkaHeader("content-type", contentType))
    } else if event.data != nil {
      headers.append(.jsonContent)
    }
    return OutgoingRecord(topic: topic, partition: partition, key: key, value: value(of: event), headers: headers)
  }

  private static func value(of event: CloudEvent) -> [UInt8] {
    if let bytes = event.binaryData { return bytes }
    guard let data = event.data else { return [] }
    switch ContentType(event.dataContentType) {
    case .json, .cloudEvent, .otherCloudEvent: return data.serialized()
    case .text, .other:
      if case .string(let text) = data { return Array(text.utf8) }
      return data.serialized()
    }
  }
}
