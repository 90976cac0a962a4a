import Kafka

/// librdkafka's mock cluster in this process, with topics of its own.
public struct MockBrokerServer: Sendable {
  public let cluster: MockCluster

  /// - Parameter topics: names and numbers of partitions.
  public init(brokers: Int32 = 1, topics: [String: Int32] = [:]) throws {
    cluster = try MockCluster(brokers: brokers)
    for (name, partitions) in topics { try cluster.createTopic(name, partitions: partitions) }
  }

  /// For clients of this cluster.
  public var configuration: KafkaConfiguration {
    KafkaConfiguration(bootstrapServers: cluster.bootstrapServers, clientID: "test")
  }
}
