import Values

/// What is simulated. The same options give the same records, byte for byte.
public struct SimulationOptions: Sendable, Hashable {
  public enum Format: String, Sendable, CaseIterable {
    /// CloudEvents in binary mode.
    case cloudevent
    /// The data alone, without a header.
    case bare
  }

  public var devices: Int
  public var equipmentsPerDevice: Int
  /// Between two readings of one equipment.
  public var interval: Duration
  public var seed: UInt64
  /// The time of the first reading.
  public var start: Timestamp
  /// How many readings; `nil` goes on for ever.
  public var count: Int?
  public var topic: String
  public var format: Format
  /// How many of a hundred readings are sent twice.
  public var duplicatesPercent: Double
  /// How many of a hundred readings are followed by a record that no mediator can accept.
  public var garbagePercent: Double

  public init(
    devices: Int = 3, equipmentsPerDevice: Int = 1, interval: Duration = .seconds(1), seed: UInt64, start: Timestamp,
    count: Int? = nil, topic: String, format: Format = .cloudevent, duplicatesPercent: Double = 0,
    garbagePercent: Double = 0
  ) {
    self.devices = devices
    self.equipmentsPerDevice = equipmentsPerDevice
    self.interval = interval
    self.seed = seed
    self.start = start
    self.count = count
    self.topic = topic
    self.format = format
    self.duplicatesPercent = duplicatesPercent
    self.garbagePercent = garbagePercent
  }
}
