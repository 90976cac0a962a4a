import Engine
import Kafka
import Postgres
import Values
import Wire

/// Everything that a mediator is told.
public struct MediatorOptions: Sendable {
  /// Unique among the running mediators.
  public var id: String
  public var kafka: KafkaConfiguration
  public var database: PostgresConfiguration
  public var shard: ShardOptions
  public var engine: EngineOptions
  /// By name; what workflows may use of them they declare.
  public var secrets: JSONObject = [:]
  /// How many shards a new cluster gets; one that exists keeps its number.
  public var shards: Int32
  /// Partitions of the queue and channel topics that the mediator creates.
  public var topicPartitions: Int32
  public var heartbeat: Duration
  public var retention = RetentionOptions()
  /// Whether it starts on a Postgres that may lose what it has confirmed.
  public var allowsUnsafePostgres = false
  /// Whether it starts although a topic was created anew under a position. Such partitions are halted in any case.
  public var allowsRecreatedTopics = false
  /// How long one database call may take.
  public var databaseTimeout: Duration

  public init(
    id: String, kafka: KafkaConfiguration, database: PostgresConfiguration, shard: ShardOptions = ShardOptions(),
    engine: EngineOptions = EngineOptions(), shards: Int32 = 4, topicPartitions: Int32 = 4,
    heartbeat: Duration = .seconds(1), databaseTimeout: Duration = .seconds(10)
  ) {
    self.id = id
    self.kafka = kafka
    self.database = database
    self.shard = shard
    self.engine = engine
    self.shards = shards
    self.topicPartitions = topicPartitions
    self.heartbeat = heartbeat
    self.databaseTimeout = databaseTimeout
  }

  /// The consumer group to which positions are reported, for lag tools only.
  public static let reportingGroup = "mediator"
}
