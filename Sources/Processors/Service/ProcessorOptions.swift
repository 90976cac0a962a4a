import Kafka
import Postgres
import Values
import Wire

/// Everything that a processor is told.
public struct ProcessorOptions: Sendable {
  public enum Kind: Sendable {
    case persistence(tables: [TableDefinition])
    case alerts(rules: [AlertRule])
    case telegram(TelegramOptions)
    case http(HTTPOptions)
    case asyncAPI(AsyncAPIOptions)
    /// Without a database.
    case echo
  }

  public var kind: Kind
  /// In the mediator topology also the channel.
  public var name: String
  public var input: Input
  /// Among the members of the group, so that this one is known again after a restart; nil: a newcomer each time.
  public var instance: String?
  public var kafka: KafkaConfiguration
  /// Needed by all kinds but echo.
  public var database: PostgresConfiguration?
  /// Whether it starts on a Postgres that may lose what it has confirmed.
  public var allowsUnsafePostgres = false
  public var loop: ProcessorLoopOptions
  /// The most effects outside of Postgres at the same moment.
  public var concurrency: Int
  /// Of a channel topic that this processor creates.
  public var topicPartitions: Int32
  /// How long the inbox remembers; longer than Kafka keeps the channel's records, or they could have their effect twice.
  public var retention: Duration
  /// For one round trip to the database.
  public var databaseTimeout: Duration

  public enum Input: Sendable {
    /// The processing events of a channel.
    case channel(String)
    /// Events of any topic, with nobody to reply to.
    case topic(String, EventMapping, EventBinding)
  }

  public init(
    kind: Kind, name: String, input: Input, instance: String? = nil, kafka: KafkaConfiguration,
    database: PostgresConfiguration?, batchSize: Int = 500, concurrency: Int = 16, topicPartitions: Int32 = 4,
    retention: Duration = .seconds(7 * 86_400), databaseTimeout: Duration = .seconds(10)
  ) {
    self.kind = kind
    self.name = name
    self.input = input
    self.instance = instance
    self.kafka = kafka
    self.database = database
    self.concurrency = concurrency
    self.topicPartitions = topicPartitions
    self.retention = retention
    self.databaseTimeout = databaseTimeout
    loop = ProcessorLoopOptions(name: name, batchSize: batchSize, maxOpen: max(4000, batchSize * 4))
  }

  /// The same processor on another channel.
  public func serving(_ channel: String) -> ProcessorOptions {
    var options = self
    options.name = channel
    options.loop.name = channel
    options.input = .channel(channel)
    return options
  }

  public var topic: String {
    switch input {
    case .channel(let name): Topics.channel(name)
    case .topic(let name, _, _): name
    }
  }

  /// DESIGN, "Processors". In the broker topology the topic is a part of it, as one processor may serve several.
  public var group: String {
    switch input {
    case .channel(let name): "mediator.processor.\(name)"
    case .topic(let topic, _, _): "mediator.processor.\(name).\(topic)"
    }
  }

  /// Under which the inbox keeps what was settled.
  var inboxName: String {
    switch input {
    case .channel(let name): name
    case .topic(let topic, _, _): "\(name)@\(topic)"
    }
  }

  var intake: Intake {
    switch input {
    case .channel: Intake(.mediator, limits: DecodeLimits(maxBytes: 16 << 20))
    case .topic(_, let mapping, let binding): Intake(.broker(mapping, binding))
    }
  }
}

public struct TelegramOptions: Sendable {
  /// As @BotFather gives it; nil: messages are printed.
  public var token: String?
  public var baseURL: String
  /// Names for chats.
  public var chats: [String: String]
  public var limits: TelegramLimits
  public var timeout: Duration

  public init(
    token: String? = nil, baseURL: String = "https://api.telegram.org", chats: [String: String] = [:],
    limits: TelegramLimits = TelegramLimits(), timeout: Duration = .seconds(20)
  ) {
    self.token = token
    self.baseURL = baseURL
    self.chats = chats
    self.limits = limits
    self.timeout = timeout
  }
}
