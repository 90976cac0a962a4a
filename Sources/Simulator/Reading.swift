import Values
import Wire

/// What an edge device tells about one equipment at one moment.
public struct Reading: Sendable, Hashable {
  public var equipment: String
  public var device: String
  /// Changes whenever the device starts anew; sequence numbers count from 1 within it.
  public var bootID: String
  public var sequence: Int
  public var time: Timestamp
  /// 0 to 100, with at most one decimal.
  public var jobPercentFinished: Double
  public var producing: Bool

  /// The type of ``event``.
  public static let eventType = "equipment.status"

  /// `{equipment, device, bootId, sequence, timestamp, jobPercentFinished, producing}`
  public var data: JSON {
    [
      "equipment": .string(equipment), "device": .string(device), "bootId": .string(bootID),
      "sequence": .number(JSONNumber(sequence)), "timestamp": .string(time.rfc3339),
      "jobPercentFinished": .number(JSONNumber(jobPercentFinished)), "producing": .bool(producing),
    ]
  }

  /// Its id is the same whenever this reading is sent, and no other reading's.
  public var event: CloudEvent {
    CloudEvent(
      id: "\(device)/\(bootID)/\(equipment)/\(sequence)", source: "/devices/\(device)", type: Self.eventType,
      time: time.rfc3339, dataContentType: "application/json", data: data)
  }
}
