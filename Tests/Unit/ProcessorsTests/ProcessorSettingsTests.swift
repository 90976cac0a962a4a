import HTTPCalls
import Hosting
import Kafka
import Testing
import Values
import Wire

@testable import Processors

struct ProcessorSettingsTests {
  private let servers = [
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092", "DATABASE_URL": "postgres://postgres@127.0.0.1/mediator",
  ]

  private func read(
    _ name: ProcessorSettings.Name, _ text: String = "", environment: [String: String] = [:],
    options: [String: String] = [:], channel: String? = nil
  ) throws -> ProcessorOptions {
    let settings = try Settings(
      overrides: options, environment: servers.merging(environment) { $1 }, file: ("mediator.yaml", text))
    let result = try ProcessorSettings.read(settings, name, channel: channel)
    try settings.finish()
    return result
  }

  private func mistakes(_ name: ProcessorSettings.Name, _ text: String) -> [String] {
    do {
      _ = try read(name, text)
      return []
    } catch let error as HostingError {
      return error.problems.map(\.description)
    } catch {
      return ["\(error)"]
    }
  }

  @Test func defaults() throws {
    let options = try read(.persistence)
    #expect(options.name == "persistence")
    #expect(options.topic == "mediator.channel.persistence")
    #expect(options.group == "mediator.processor.persistence")
    #expect(options.inboxName == "persistence")
    #expect(options.instance == nil)
    #expect(options.loop.batchSize == 500)
    #expect(options.retention == .seconds(7 * 86_400))
    guard case .persistence(let tables) = options.kind else { throw Unexpected() }
    #expect(tables.isEmpty)
  }

  @Test func anotherChannelIsServedUnderItsName() throws {
    let options = try read(.telegram, options: ["processors.telegram.channel": "night-shift"])
    #expect(options.topic == "mediator.channel.night-shift")
    #expect(options.group == "mediator.processor.night-shift")
    #expect(options.inboxName == "night-shift")
  }

  @Test func httpCalls() throws {
    let plain = try read(.http)
    #expect(plain.topic == "mediator.channel.http")
    #expect(plain.concurrency == 32)
    guard case .http(let defaults) = plain.kind else { throw Unexpected() }
    #expect(defaults.calls.rules == AddressRules())
    #expect(defaults.calls.maxResponseBytes == 1 << 20)
    #expect(defaults.calls.sendsIdempotencyKey)
    let options = try read(
      .http,
      """
      processors:
        http:
          allow: [api.example.com, "*.plant.example", "10.0.0.0/8:8080", "[fd00::/8]:8080"]
          concurrency: 8
          timeout: 10s
          connectTimeout: 1s
          maxResponseBytes: 4096
          idempotencyKey: false
          documentLifetime: 1m
      """)
    guard case .http(let http) = options.kind else { throw Unexpected() }
    #expect(http.calls.rules != AddressRules())
    #expect(options.concurrency == 8)
    #expect(http.calls.timeout == .seconds(10))
    #expect(http.calls.connectTimeout == .seconds(1))
    #expect(http.calls.maxResponseBytes == 4096)
    #expect(!http.calls.sendsIdempotencyKey)
    #expect(http.calls.documentLifetime == .seconds(60))
    let brackets = try read(.http, options: ["processors.http.allow": "[\"[::1]:80\", \"a.org\"]"])
    guard case .http(let listed) = brackets.kind else { throw Unexpected() }
    #expect(listed.calls.rules == AddressRules([HostPattern("[::1]:80"), HostPattern("a.org")].compactMap { $0 }))
    #expect(mistakes(.http, "processors: {http: {allow: ['http://x.org/']}}").first?.contains("http.allow") == true)
  }

  @Test func asyncAPICalls() throws {
    let plain = try read(.asyncapi)
    #expect(plain.topic == "mediator.channel.asyncapi")
    guard case .asyncAPI(let defaults) = plain.kind else { throw Unexpected() }
    #expect(defaults.clusters == ClusterRules())
    #expect(defaults.topics == TopicRules())
    #expect(defaults.http.calls.allowSetting == "processors.asyncapi.allow")
    let options = try read(
      .asyncapi,
      """
      processors:
        asyncapi:
          allow: [docs.plant.example]
          timeout: 10s
          documentLifetime: 1m
          topics: ["alarms.*", orders]
          servers:
            production:
              bootstrap.servers: kafka-1:9092,kafka-2:9092
              sasl.mechanism: PLAIN
              sasl.password: hush-hush
            "test-kafka:9092": {}
      """)
    guard case .asyncAPI(let asyncAPI) = options.kind else { throw Unexpected() }
    #expect(asyncAPI.timeout == .seconds(10))
    #expect(asyncAPI.http.calls.documentLifetime == .seconds(60))
    #expect(asyncAPI.topics == TopicRules(["alarms.*", "orders"]))
    #expect(asyncAPI.clusters.named["production"]?.bootstrapServers == "kafka-1:9092,kafka-2:9092")
    #expect(
      asyncAPI.clusters.named["production"]?.properties == ["sasl.mechanism": "PLAIN", "sasl.password": "hush-hush"])
    #expect(asyncAPI.clusters.named["test-kafka:9092"]?.bootstrapServers == "test-kafka:9092")
    let missing = mistakes(.asyncapi, "processors: {asyncapi: {servers: {production: {client.id: x}}}}")
    #expect(missing.contains { $0.contains("servers.production.bootstrap.servers is missing") })
    let unknown = mistakes(.asyncapi, "processors: {asyncapi: {topic: a, topisc: [a]}}")
    #expect(unknown.contains { $0.contains("topisc") })
  }

  @Test func echoNeedsNoDatabase() throws {
    let options = try read(.echo, environment: ["DATABASE_URL": ""], channel: "one")
    #expect(options.topic == "mediator.channel.one")
    #expect(options.database == nil)
  }

  @Test func othersDo() {
    let settings = try? Settings(environment: ["KAFKA_BOOTSTRAP_SERVERS": "x:1"])
    #expect(throws: HostingError.self) {
      let settings = try #require(settings)
      _ = try ProcessorSettings.read(settings, .alerts)
      try settings.finish()
    }
  }

  @Test func brokerTopology() throws {
    let options = try read(
      .alerts, options: ["processors.alerts.topology": "broker", "processors.alerts.topic": "EquipmentStatus"])
    #expect(options.topic == "EquipmentStatus")
    #expect(options.group == "mediator.processor.alerts.EquipmentStatus")
    #expect(options.inboxName == "alerts@EquipmentStatus")
    guard case .topic(_, let mapping, let binding) = options.input else { throw Unexpected() }
    #expect(binding.type == "EquipmentStatus")
    let event: JSON = ["data": ["equipment": "m1", "producing": false, "timestamp": "t", "sequence": 4]]
    #expect(
      mapping.apply(to: event) == [
        "equipment": "m1", "time": "t", "sequence": 4,
        "values": ["equipment": "m1", "producing": false, "timestamp": "t", "sequence": 4],
      ])
  }

  @Test func aMappingOfOnesOwn() throws {
    let options = try read(
      .telegram,
      """
      processors:
        telegram:
          topology: broker
          topic: Alarms
          broker:
            type: alarm
            source: /plant
            with:
              chat: operators
              text: "{data.name} rings"
      """)
    guard case .topic(_, let mapping, let binding) = options.input else { throw Unexpected() }
    #expect(binding.source == "/plant")
    #expect(mapping.apply(to: ["data": ["name": "bell"]]) == ["chat": "operators", "text": "bell rings"])
  }

  @Test func theBrokerTopologyNeedsATopic() {
    let mistakes = mistakes(.alerts, "processors: {alerts: {topology: broker}}")
    #expect(mistakes.count == 1)
    #expect(mistakes.first?.contains("processors.alerts.topic is missing") == true)
  }

  @Test func tables() throws {
    let options = try read(
      .persistence,
      """
      processors:
        persistence:
          tables:
            plant.events:
              columns:
                machine: {type: text, required: true}
                at: timestamptz
                detail: json
              unique: [machine, at]
      """)
    guard case .persistence(let tables) = options.kind else { throw Unexpected() }
    #expect(
      tables == [
        try TableDefinition(
          name: "plant.events",
          columns: [
            .init("machine", .text, isRequired: true), .init("at", .timestamp), .init("detail", .json),
          ], unique: ["machine", "at"])
      ])
  }

  @Test func mistakesInTablesAreToldTogether() {
    let mistakes = mistakes(
      .persistence,
      """
      processors:
        persistence:
          tables:
            one: {columns: {a: varchar}}
            two: {columns: {a: text}, unique: [b]}
            three: {unique: [b]}
            four: {columns: {a: {type: text, required: maybe}}}
      """)
    #expect(mistakes.contains { $0.contains("tables.one.columns has column 'a' with an unknown type") })
    #expect(mistakes.contains { $0.contains("table 'two' has no column 'b' to be unique by") })
    #expect(mistakes.contains { $0.contains("tables.three.columns must be a map") })
    #expect(mistakes.contains { $0.contains("tables.four.columns has column 'a', whose 'required'") })
  }

  @Test func rules() throws {
    let options = try read(
      .alerts,
      """
      processors:
        alerts:
          rules:
            - {name: hot, field: motor.temperature, above: 90.50, clear: 80, severity: critical, message: "{value}!"}
            - {name: cold, field: motor.temperature, below: 5}
            - {name: off, field: mode, equals: "off"}
      """)
    guard case .alerts(let rules) = options.kind else { throw Unexpected() }
    let threshold = try #require(JSONNumber(text: "90.50"))
    #expect(
      rules == [
        try AlertRule(
          name: "hot", field: "motor.temperature", condition: .above(threshold, clear: JSONNumber(80)),
          severity: "critical", message: "{value}!"),
        try AlertRule(
          name: "cold", field: "motor.temperature", condition: .below(JSONNumber(5), clear: JSONNumber(5))),
        try AlertRule(name: "off", field: "mode", condition: .equals("off")),
      ])
  }

  @Test func withoutRulesTheBuiltInOnesHold() throws {
    guard case .alerts(let rules) = try read(.alerts).kind else { throw Unexpected() }
    #expect(rules == AlertRule.builtIn)
    guard case .alerts(let none) = try read(.alerts, "processors: {alerts: {rules: []}}").kind else {
      throw Unexpected()
    }
    #expect(none.isEmpty)
  }

  @Test func mistakesInRulesAreToldTogether() {
    let mistakes = mistakes(
      .alerts,
      """
      processors:
        alerts:
          rules:
            - {name: a, field: x}
            - {name: b, field: x, above: 5, below: 3}
            - {name: c, field: x, above: five}
            - {name: d, field: x, above: 5, clear: 6}
            - {name: e, field: x, equals: 5, clear: 6}
            - {field: x, above: 5}
            - {name: g, field: x, above: 5, colour: red}
            - {name: g, field: x, above: 5}
      """)
    for expected in [
      "rules[0].name needs exactly one of", "rules[1].name needs exactly one of", "rules[2].above must be a number",
      "clear must not lie above", "rules[4].clear has no meaning", "rules[5].name is missing", "rules[6].colour",
      "rules[7].name is the name of another rule",
    ] {
      #expect(mistakes.contains { $0.contains(expected) }, "\(expected): \(mistakes)")
    }
  }

  @Test func telegram() throws {
    let options = try read(
      .telegram,
      """
      processors:
        telegram:
          baseURL: http://127.0.0.1:8081
          timeout: 5s
          concurrency: 3
          chats: {operators: -100123, boss: "42"}
          limits: {all: {perSecond: 20}, group: {perMinute: 30, burst: 2}}
      """, environment: ["TELEGRAM_BOT_TOKEN": "123:abc"])
    guard case .telegram(let telegram) = options.kind else { throw Unexpected() }
    #expect(telegram.token == "123:abc")
    #expect(telegram.baseURL == "http://127.0.0.1:8081")
    #expect(telegram.chats == ["operators": "-100123", "boss": "42"])
    #expect(telegram.limits.all.rate == 20)
    #expect(telegram.limits.group.rate == 0.5)
    #expect(telegram.limits.group.burst == 2)
    #expect(telegram.timeout == .seconds(5))
    #expect(options.concurrency == 3)
  }

  @Test func theTokenIsASecret() throws {
    let settings = try Settings(environment: servers.merging(["TELEGRAM_BOT_TOKEN": "123:abc"]) { $1 })
    _ = try ProcessorSettings.read(settings, .telegram)
    #expect(settings.secrets.contains("123:abc"))
  }

  @Test func whatOtherServicesReadIsNoMistake() throws {
    _ = try read(.persistence, "mediator: {shards: 4}\nprocessors: {telegram: {chats: {a: 1}}, alerts: {rules: []}}")
    #expect(mistakes(.persistence, "processors: {persistance: {}}").count == 1)
    #expect(mistakes(.persistence, "processors: {persistence: {batchsize: 5}}").count == 1)
  }
}
