import Engine
import Foundation
import Hosting
import Kafka
import Mediator
import Postgres
import Wire

/// The configuration of a mediator process, read and checked as a whole.
struct MediatorPlan {
  let options: MediatorOptions
  let health: HealthSettings
  let log: LogSettings
  let secrets: [String]

  /// - Throws: `HostingError` with every mistake at once, or `PostgresError` for a URL that is none.
  static func read(configFile: String?, overrides: [String: String]) throws -> MediatorPlan {
    let settings = try Settings(
      configFile: configFile, overrides: overrides, environment: ProcessInfo.processInfo.environment)
    let kafka = KafkaSettings.read(settings, clientID: "mediator")
    let database = DatabaseSettings.read(settings)
    let health = HealthSettings.read(settings)
    let log = LogSettings.read(settings)
    let section = settings.section("mediator")
    let id = section.string("id", default: uniqueID())
    let shards = section.integer("shards", default: 4, in: 1...1024)
    let partitions = section.integer("topicPartitions", default: 4, in: 1...10_000)
    let shard = shardOptions(section, queues: queues(section))
    let engine = engineOptions(section)
    let allowsUnsafePostgres = section.bool("allowUnsafePostgres", default: false)
    let allowsRecreatedTopics = section.bool("allowRecreatedTopics", default: false)
    let retention = retentionOptions(section)
    let secretsPath = section.path("secrets")
    // For `mediatorctl validate`.
    _ = section.strings("channels")
    // One file serves all services; what the others read is no mistake here.
    settings.allow("processors")
    try settings.finish()
    var options = MediatorOptions(
      id: id, kafka: kafka, database: try PostgresConfiguration(database.url), shard: shard, engine: engine,
      shards: Int32(shards), topicPartitions: Int32(partitions))
    options.retention = retention
    options.allowsUnsafePostgres = allowsUnsafePostgres
    options.allowsRecreatedTopics = allowsRecreatedTopics
    if let secretsPath { options.secrets = try SecretFiles.read(secretsPath) }
    return MediatorPlan(
      options: options,
      health: health, log: log, secrets: settings.secrets)
  }

  /// `queues`: topics with initial events; `type` and `source` are given to bare JSON.
  private static func queues(_ section: SettingsSection) -> [String: EventBinding?] {
    var queues: [String: EventBinding?] = [:]
    for entry in section.list("queues") {
      guard let topic = entry.string("topic") else {
        entry.require("topic", "each queue names its topic")
        continue
      }
      let type = entry.string("type")
      let source = entry.string("source")
      if (type == nil) != (source == nil) {
        entry.report("type", "a binding for bare JSON needs both 'type' and 'source'")
      }
      if let type, let source {
        queues[topic] = EventBinding(type: type, source: source)
      } else {
        queues[topic] = .some(nil)
      }
    }
    return queues.isEmpty ? [Topics.queue: nil] : queues
  }

  private static func shardOptions(_ section: SettingsSection, queues: [String: EventBinding?]) -> ShardOptions {
    var options = ShardOptions(queues: queues)
    options.maxBatch = section.integer("batch", default: options.maxBatch, in: 1...10_000)
    options.lease = section.duration("lease", default: options.lease, in: .seconds(1)...(.seconds(300)))
    options.cacheCapacity = section.integer("cache", default: options.cacheCapacity, in: 1...10_000_000)
    options.maxRunning = section.integer("maxRunning", default: options.maxRunning, in: 1...10_000_000)
    options.callLimits = callLimits(section)
    options.limits.maxBytes = section.integer(
      "maxEventBytes", default: options.limits.maxBytes, in: 1000...(64 << 20))
    options.replyLimits.maxBytes = section.integer(
      "maxReplyBytes", default: options.replyLimits.maxBytes, in: 1000...(64 << 20))
    options.eventRetention = section.duration(
      "eventRetention", default: options.eventRetention, in: .seconds(1)...(.seconds(365 * 86_400)))
    options.patience = section.duration(
      "patience", default: options.patience, in: .seconds(0)...(.seconds(3600)))
    options.maxRedrives = section.integer("maxRedrives", default: options.maxRedrives, in: 1...1000)
    options.lifecycle = section.choice("lifecycle", default: LifecycleLevel.all)
    options.routes = routes(section, otherwise: queues.keys.sorted().first ?? Topics.queue)
    return options
  }

  private static func callLimits(_ section: SettingsSection) -> CallLimits {
    var limits = CallLimits()
    limits.perChannel = section.integer("maxInFlight", default: limits.perChannel, in: 1...100_000_000)
    for entry in section.list("channelLimits") {
      let limit = entry.integer("maxInFlight", in: 1...100_000_000)
      guard let channel = entry.string("channel"), let limit else {
        entry.require("channel", "each limit names its channel, and how many calls may be under way there: maxInFlight")
        entry.require("maxInFlight", "how many calls may be under way on the channel at once")
        continue
      }
      limits.channels[channel] = limit
    }
    return limits
  }

  /// `emit`: which topic emitted events go to, by type and source; a queue topic where none is named.
  private static func routes(_ section: SettingsSection, otherwise: String) -> EmitRoutes {
    var routes: [EmitRoutes.Route] = []
    for entry in section.list("emit") {
      let (type, source) = (entry.string("type"), entry.string("source"))
      guard let topic = entry.string("topic") else {
        entry.require("topic", "each route names the topic that its events go to")
        continue
      }
      routes.append(EmitRoutes.Route(type: type, source: source, topic: topic))
    }
    return EmitRoutes(routes, otherwise: otherwise)
  }

  private static func retentionOptions(_ section: SettingsSection) -> RetentionOptions {
    var options = RetentionOptions()
    let range = Duration.seconds(1)...(.seconds(3650 * 86_400))
    options.instances = section.duration("retention", default: options.instances, in: range)
    options.deadLetters = section.duration("deadLetterRetention", default: options.deadLetters, in: range)
    return options
  }

  private static func engineOptions(_ section: SettingsSection) -> EngineOptions {
    var options = EngineOptions()
    options.callTimeout = section.duration(
      "callTimeout", default: options.callTimeout, in: .seconds(1)...(.seconds(365 * 86_400)))
    options.retry.maxAttempts = section.integer("maxAttempts", default: options.retry.maxAttempts, in: 1...1000)
    options.maxRequestBytes = section.integer(
      "maxRequestBytes", default: options.maxRequestBytes, in: 1000...(64 << 20))
    options.maxStateBytes = section.integer("maxStateBytes", default: options.maxStateBytes, in: 1000...(256 << 20))
    return options
  }

  /// Two processes must never share an id, so the default has a random part.
  private static func uniqueID() -> String {
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, name.count - 1)
    let host = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return "\(host)-\(getpid())-\(String(UInt32.random(in: 0...UInt32.max), radix: 36))"
  }
}
