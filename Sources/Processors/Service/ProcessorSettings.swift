import Hosting
import Kafka
import Postgres
import Values
import Wire

/// Reads a processor's part of the configuration: section `processors`, and in it one section per kind.
public enum ProcessorSettings {
  public enum Name: String, Sendable, CaseIterable { case persistence, alerts, telegram, http, asyncapi, echo }

  public enum Topology: String, Sendable, CaseIterable { case mediator, broker }

  /// - Parameter channel: that of echo, which may serve several; nil: what the configuration says.
  /// - Throws: `PostgresError` for a database URL that is none. Other mistakes are noted with `settings`.
  public static func read(
    _ settings: Settings, _ name: Name, channel: String? = nil
  ) throws(PostgresError) -> ProcessorOptions {
    let all = settings.section("processors")
    let section = all.section(name.rawValue)
    // One file serves all services; what the others read is no mistake here.
    settings.allow("mediator", "simulator")
    for other in Name.allCases where other != name { _ = all.json(other.rawValue) }
    let kind = kind(name, section, settings)
    let channel = channel ?? section.string("channel", default: name.rawValue)
    let input = input(section, name, channel: channel)
    let instance = all.string("instance")
    let batchSize = section.integer("batchSize", default: 500, in: 1...10_000)
    let concurrency = section.integer(
      "concurrency", default: name == .http || name == .asyncapi ? 32 : 16, in: 1...1000)
    let partitions = all.integer("topicPartitions", default: 4, in: 1...10_000)
    let week = Duration.seconds(7 * 86_400)
    let retention = all.duration("retention", default: week, in: .seconds(60)...(.seconds(3650 * 86_400)))
    let allowsUnsafePostgres = all.bool("allowUnsafePostgres", default: false)
    let kafka = KafkaSettings.read(settings, clientID: "processor-\(channel)")
    var database: PostgresConfiguration?
    if name == .echo {
      settings.allow("database")
    } else {
      let url = DatabaseSettings.read(settings).url
      // That it is missing is noted already.
      if !url.isEmpty { database = try PostgresConfiguration(url) }
      database?.applicationName = "processor \(channel)"
    }
    var options = ProcessorOptions(
      kind: kind, name: channel, input: input, instance: instance, kafka: kafka, database: database,
      batchSize: batchSize, concurrency: concurrency, topicPartitions: Int32(partitions), retention: retention)
    options.allowsUnsafePostgres = allowsUnsafePostgres
    return options
  }

  private static func kind(
    _ name: Name, _ section: SettingsSection, _ settings: Settings
  ) -> ProcessorOptions.Kind {
    switch name {
    case .persistence: .persistence(tables: tables(section))
    case .alerts: .alerts(rules: rules(section))
    case .telegram: .telegram(telegram(section))
    case .http: .http(HTTPOptions(section))
    case .asyncapi: .asyncAPI(AsyncAPIOptions(section, settings))
    case .echo: .echo
    }
  }

  // MARK: Topology

  private static func input(_ section: SettingsSection, _ name: Name, channel: String) -> ProcessorOptions.Input {
    let topology = section.choice("topology", default: Topology.mediator)
    let topic = section.string("topic")
    let broker = section.section("broker")
    let type = broker.string("type")
    let source = broker.string("source")
    let template = broker.json("with") ?? builtInMapping(name)
    guard topology == .broker else { return .channel(channel) }
    guard let topic else {
      section.require("topic", "the broker topology reads a topic: set it here or with --topic")
      return .channel(channel)
    }
    let binding = EventBinding(type: type ?? topic, source: source ?? "/topics/\(topic)")
    return .topic(topic, EventMapping(template), binding)
  }

  /// For the readings of the edge-device simulator.
  private static func builtInMapping(_ name: Name) -> JSON {
    switch name {
    case .persistence:
      [
        "table": "equipment_status",
        "row": [
          "equipment": "$.data.equipment", "device": "$.data.device", "time": "$.data.timestamp",
          "job_percent_finished": "$.data.jobPercentFinished", "producing": "$.data.producing",
          "sequence": "$.data.sequence",
        ],
      ]
    case .alerts:
      [
        "equipment": "$.data.equipment", "values": "$.data", "time": "$.data.timestamp",
        "sequence": "$.data.sequence",
      ]
    case .telegram: ["chat": "operators", "text": "{type} from {source}: {data}"]
    case .http, .asyncapi, .echo: "$.data"
    }
  }

  // MARK: Persistence

  private static func tables(_ section: SettingsSection) -> [TableDefinition] {
    var tables: [TableDefinition] = []
    for (name, table) in section.map("tables") {
      let unique = table.strings("unique") ?? []
      guard case .object(let columns)? = table.json("columns"), !columns.isEmpty else {
        table.report("columns", "must be a map of the table's columns to their types")
        continue
      }
      do throws(ProcessorError) {
        tables.append(
          try TableDefinition(name: name, columns: columns.compactMap { column($0, $1, table) }, unique: unique))
      } catch {
        table.report("columns", error.message)
      }
    }
    return tables
  }

  /// `text`, or `{type: text, required: true}`.
  private static func column(
    _ name: String, _ value: JSON, _ table: SettingsSection
  ) -> TableDefinition.Column? {
    let type = value.string ?? value["type"]?.string
    guard let type = type.flatMap(ColumnType.init(rawValue:)) else {
      let types = ColumnType.allCases.map(\.rawValue).joined(separator: ", ")
      table.report("columns", "has column '\(name)' with an unknown type; known are \(types)")
      return nil
    }
    let isRequired = value["required"] ?? false
    guard let isRequired = isRequired.bool else {
      table.report("columns", "has column '\(name)', whose 'required' must be true or false")
      return nil
    }
    return TableDefinition.Column(name, type, isRequired: isRequired)
  }

  // MARK: Alerts

  private static func rules(_ section: SettingsSection) -> [AlertRule] {
    guard section.has("rules") else { return AlertRule.builtIn }
    var rules: [AlertRule] = []
    for entry in section.list("rules") {
      let name = entry.string("name")
      let field = entry.string("field")
      entry.require("name")
      entry.require("field", "the member of values that the rule looks at, such as jobPercentFinished")
      let condition = condition(entry)
      let severity = entry.string("severity", default: "warning")
      let message = entry.string("message")
      let cleared = entry.string("clearedMessage")
      guard let name, let field, let condition else { continue }
      if rules.contains(where: { $0.name == name }) { entry.report("name", "is the name of another rule too") }
      do throws(ProcessorError) {
        rules.append(
          try AlertRule(
            name: name, field: field, condition: condition, severity: severity, message: message,
            clearedMessage: cleared))
      } catch {
        entry.report("name", "names a rule that makes no sense: \(error.message)")
      }
    }
    return rules
  }

  private static func condition(_ entry: SettingsSection) -> AlertRule.Condition? {
    let above = number(entry, "above")
    let below = number(entry, "below")
    let equals = entry.json("equals")
    let clear = number(entry, "clear")
    switch (above, below, equals) {
    case (let threshold?, nil, nil): return .above(threshold, clear: clear ?? threshold)
    case (nil, let threshold?, nil): return .below(threshold, clear: clear ?? threshold)
    case (nil, nil, let value?):
      if clear != nil {
        entry.report("clear", "has no meaning with equals: the alert clears when the value is another")
      }
      return .equals(value)
    default:
      entry.report("name", "needs exactly one of above, below and equals")
      return nil
    }
  }

  /// As it is written, so that a message shows it so.
  private static func number(_ entry: SettingsSection, _ key: String) -> JSONNumber? {
    guard let value = entry.json(key) else { return nil }
    guard case .number(let number) = value, number.double.isFinite else {
      entry.report(key, "must be a number")
      return nil
    }
    return number
  }

  // MARK: Telegram

  private static func telegram(_ section: SettingsSection) -> TelegramOptions {
    var options = TelegramOptions(
      token: section.secret("token", environment: "TELEGRAM_BOT_TOKEN"), chats: section.section("chats").others())
    options.baseURL = section.string("baseURL", default: options.baseURL)
    options.timeout = section.duration("timeout", default: options.timeout, in: .milliseconds(100)...(.seconds(300)))
    let limits = section.section("limits")
    rate(limits.section("all"), perMinute: false, &options.limits.all)
    rate(limits.section("chat"), perMinute: false, &options.limits.chat)
    rate(limits.section("group"), perMinute: true, &options.limits.group)
    return options
  }

  private static func rate(_ section: SettingsSection, perMinute: Bool, _ rate: inout TelegramLimits.Rate) {
    let key = perMinute ? "perMinute" : "perSecond"
    if let value = section.number(key) {
      if value > 0 { rate.rate = perMinute ? value / 60 : value } else { section.report(key, "must be above 0") }
    }
    if let burst = section.integer("burst", in: 1...10_000) { rate.burst = Double(burst) }
  }
}
