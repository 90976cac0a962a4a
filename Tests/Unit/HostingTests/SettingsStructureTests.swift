import Foundation
import Hosting
import Kafka
import Testing

@Suite struct SettingsStructureTests {
  /// `topic type` of each queue.
  private func queues(_ settings: Settings) -> [String] {
    settings.section("mediator").list("queues").map { "\($0.string("topic") ?? "-") \($0.string("type") ?? "-")" }
  }

  /// `name schema` of each table.
  private func tables(_ settings: Settings) -> [String] {
    settings.section("persistence").map("tables").map { "\($0.name) \($0.section.string("schema") ?? "-")" }
  }

  @Test func listsOfMaps() throws {
    let settings = try Settings(
      file: ("m.yaml", "mediator:\n  queues:\n    - topic: a\n      type: x\n    - topic: b\n      tpoic: c\n"))
    #expect(queues(settings) == ["a x", "b -"])
    #expect(problems(settings) == ["m.yaml:6:7: unknown setting mediator.queues[1].tpoic. Did you mean topic?"])
  }

  @Test func listsOfMapsInAVariable() throws {
    let environment = ["MEDIATOR_MEDIATOR_QUEUES": "[{topic: a}, {topic: b, typo: c}]"]
    let settings = try Settings(environment: environment, file: ("m.yaml", "mediator: {queues: [{x: 1}]}"))
    #expect(queues(settings) == ["a -", "b -"])
    #expect(
      problems(settings) == [
        "environment variable MEDIATOR_MEDIATOR_QUEUES:1:25: unknown setting mediator.queues[1].typo. Did you mean type?"
      ])
  }

  @Test func mapsOfMaps() throws {
    let file = "persistence:\n  tables:\n    one: {schema: s}\n    two:\n    three: {shcema: s}\n"
    let settings = try Settings(file: ("m.yaml", file))
    #expect(tables(settings) == ["one s", "two -", "three -"])
    #expect(
      problems(settings) == ["m.yaml:5:13: unknown setting persistence.tables.three.shcema. Did you mean schema?"])
  }

  @Test func wrongStructures() throws {
    let environment = ["MEDIATOR_S_E": "[1, 2", "MEDIATOR_S_F": "[a, {}]"]
    let settings = try Settings(
      environment: environment,
      file: (
        "m.yaml",
        "s: {a: [1], b: x, c: [], d: {x: 1}}"
      ))
    let section = settings.section("s")
    #expect(section.list("a").isEmpty && section.list("b").isEmpty && section.map("c").isEmpty)
    #expect(section.map("d").isEmpty && section.list("e").isEmpty && section.strings("f") == nil)
    #expect(section.strings("a") == nil)
    let all = problems(settings)
    #expect(
      Array(all.prefix(4)) == [
        "m.yaml:1:8: s.a must be a list of maps", "m.yaml:1:16: s.b must be a list of maps",
        "m.yaml:1:22: s.c must be a map of maps", "m.yaml:1:29: s.d must be a map of maps",
      ])
    #expect(all[4].hasPrefix("environment variable MEDIATOR_S_E: s.e must be a list of maps in YAML or JSON"))
    #expect(all[5] == "environment variable MEDIATOR_S_F: s.f must be a list of texts")
  }

  @Test func kafkaTakesEveryProperty() throws {
    let file = """
      kafka:
        bootstrap.servers: a:9092
        session.timeout.ms: 10000
        enable.idempotence: true
        sasl.username: me
      """
    let environment = [
      "KAFKA_BOOTSTRAP_SERVERS": "b:9092", "MEDIATOR_KAFKA_SASL_PASSWORD": "kafka-secret",
      "MEDIATOR_KAFKA_SASL_USERNAME": "you", "MEDIATOR_KAFKA_CLIENT_ID": "c7",
    ]
    let settings = try Settings(
      overrides: ["kafka.session.timeout.ms": "6000"], environment: environment, file: ("m.yaml", file))
    let kafka = KafkaSettings.read(settings, clientID: "mediator")
    try settings.finish()
    var expected = KafkaConfiguration(
      bootstrapServers: "b:9092",
      properties: [
        "session.timeout.ms": "6000", "enable.idempotence": "true", "sasl.username": "you",
        "sasl.password": "kafka-secret",
      ], clientID: "c7")
    expected.logsReachability = false
    #expect(kafka == expected)
    #expect(settings.secrets.contains("kafka-secret"))
  }

  @Test func ourOwnVariableWinsOverTheCommonOne() throws {
    let settings = try Settings(
      environment: ["KAFKA_BOOTSTRAP_SERVERS": "b:1", "MEDIATOR_KAFKA_BOOTSTRAP_SERVERS": "c:1"])
    #expect(KafkaSettings.read(settings, clientID: "x").bootstrapServers == "c:1")
    #expect(KafkaSettings.read(settings, clientID: "x").clientID == "x")
  }

  @Test func whatIsNeededAndMissing() throws {
    let settings = try Settings()
    _ = KafkaSettings.read(settings, clientID: "x")
    _ = DatabaseSettings.read(settings)
    let all = problems(settings)
    #expect(all.count == 2)
    #expect(all[0].contains("kafka.bootstrap.servers is missing") && all[0].contains("KAFKA_BOOTSTRAP_SERVERS"))
    #expect(all[1].contains("database.url is missing") && all[1].contains("DATABASE_URL"))
  }

  @Test func thePasswordOfTheDatabaseIsASecret() throws {
    for url in [
      "postgres://me:pa55word@h:1/d", "host=h password=pa55word dbname=d",
      "postgres://h/d?password=pa55word&a=b",
    ] {
      let settings = try Settings(environment: ["DATABASE_URL": url])
      #expect(DatabaseSettings.read(settings).url == url)
      #expect(settings.secrets.contains("pa55word"))
    }
  }

  @Test func secretsFromFiles() throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("settings-\(UUID())")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    try Data("from-file\r\n".utf8).write(to: directory.appendingPathComponent("token"))
    try Data("\n".utf8).write(to: directory.appendingPathComponent("empty"))
    let config = directory.appendingPathComponent("m.yaml").path
    try Data(
      "a: {tokenFile: token}\nb: {tokenFile: absent}\nc: {token: x, tokenFile: token}\nd: {tokenFile: empty}\n".utf8
    )
    .write(to: URL(fileURLWithPath: config))
    let environment = ["MEDIATOR_CONFIG": config, "MEDIATOR_E_TOKEN_FILE": directory.path + "/token"]
    var settings = try Settings(configFile: nil, environment: environment)
    // A path in the file is relative to the file.
    #expect(settings.section("a").secret("token") == "from-file")
    #expect(settings.section("e").secret("token") == "from-file")
    #expect(settings.secrets == ["from-file", "from-file"])
    for name in ["b", "c", "d"] { #expect(settings.section(name).secret("token") == nil) }
    let all = problems(settings)
    #expect(all.count == 3)
    #expect(all[0].contains("cannot read \(directory.path)/absent: No such file"))
    #expect(all[1] == "\(config):3:26: c.token and tokenFile exclude each other")
    #expect(all[2].hasSuffix("empty is empty"))
    // The environment wins over the file, whichever form each has.
    settings = try Settings(configFile: config, environment: ["MEDIATOR_A_TOKEN": "from-environment"])
    #expect(settings.section("a").secret("token") == "from-environment")
  }
}
