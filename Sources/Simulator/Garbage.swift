import Kafka
import Values
import Wire

/// The ways in which a record can be wrong.
public enum Garbage: String, Sendable, CaseIterable {
  case notJSON
  case truncated
  case notUTF8
  case tooDeep
  case loneSurrogate
  case repeatedName
  case tombstone
  // These need attributes.
  case noAttributes
  case unknownType
  case unsupportedVersion

  static func kinds(of format: SimulationOptions.Format) -> [Garbage] {
    switch format {
    case .cloudevent: allCases
    case .bare: allCases.filter { ![.noAttributes, .unknownType, .unsupportedVersion].contains($0) }
    }
  }

  /// Makes a good record bad.
  func spoil(_ record: inout OutgoingRecord) {
    switch self {
    case .notJSON: record.value = Array("temperature=21;status=ok".utf8)
    case .truncated: record.value = record.value.map { Array($0.prefix($0.count / 2)) }
    case .notUTF8: record.value = Array("{\"equipment\":\"M".utf8) + [0xFC] + Array("hle\"}".utf8)
    case .tooDeep: record.value = [UInt8](repeating: UInt8(ascii: "["), count: 10_000)
    case .loneSurrogate: record.value = Array(#"{"equipment":"\ud83d"}"#.utf8)
    case .repeatedName: record.value = Array(#"{"producing":true,"producing":false}"#.utf8)
    case .tombstone: record.value = nil
    case .noAttributes: record.headers = []
    case .unknownType: Self.set("ce_type", "equipment.rumour", &record)
    case .unsupportedVersion: Self.set("ce_specversion", "0.3", &record)
    }
  }

  private static func set(_ name: String, _ value: String, _ record: inout OutgoingRecord) {
    for place in record.headers.indices where record.headers[place].name == name {
      record.headers[place].value = Array(value.utf8)
    }
  }
}
