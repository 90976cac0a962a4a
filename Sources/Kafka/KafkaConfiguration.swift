/// How to reach a Kafka cluster. Everything librdkafka can be told (CONFIGURATION.md of its version) goes through
/// `properties`, so SASL and TLS need nothing from this module.
public struct KafkaConfiguration: Sendable, Hashable {
  /// `host:port,host:port`
  public var bootstrapServers: String
  /// librdkafka's own property names and values; applied last, so they win over this module's defaults.
  /// May hold secrets: they never appear in an error or a log line of this module.
  public var properties: [String: String]
  /// Shown in the broker's logs and quotas.
  public var clientID: String
  /// Whether clients log that they lose the cluster and reach it again. A service with several clients tells of it itself,
  /// in one line, from their `isReachable`.
  public var logsReachability = true

  public init(bootstrapServers: String, properties: [String: String] = [:], clientID: String = "mediator") {
    self.bootstrapServers = bootstrapServers
    self.properties = properties
    self.clientID = clientID
  }
}

extension KafkaConfiguration: CustomStringConvertible {
  /// Without the properties' values, which may be secrets.
  public var description: String {
    "\(clientID)@\(bootstrapServers) \(properties.keys.sorted())"
  }
}
