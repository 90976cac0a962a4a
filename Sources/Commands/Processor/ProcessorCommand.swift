import ArgumentParser
import Processors
import Values

/// `processor`: serves one channel. Start as many as there is work for; they share its partitions among themselves.
@main
struct ProcessorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "processor",
    abstract: "Serves a channel: acts on processing events and replies to the mediator.",
    discussion: """
      Each processor reads the topic mediator.channel.<name> as a member of the consumer group \
      mediator.processor.<name>. Several of the same name share the work; each can be started, stopped or killed at \
      any time.

      Settings come from options, then environment variables, then the configuration file, then defaults; see \
      docs/processors.md.

      EXAMPLES:
        processor persistence --bootstrap-servers 127.0.0.1:9092 \\
          --database postgres://postgres@127.0.0.1:5432/mediator
        processor alerts --config mediator.yaml --instance alerts-1 --health-port 8082
        TELEGRAM_BOT_TOKEN=123456:ABC… processor telegram --config mediator.yaml
        processor http --config mediator.yaml --allow api.example.com --allow 10.0.0.0/8:8080
        processor asyncapi --config mediator.yaml --allow docs.internal:8080
        processor persistence --config mediator.yaml \\
          --topology broker --topic EquipmentStatus
      """,
    version: ProgramVersion.current,
    subcommands: [
      PersistenceCommand.self, AlertsCommand.self, TelegramCommand.self, HTTPCommand.self, AsyncAPICommand.self,
      EchoCommand.self,
    ])
}

struct PersistenceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "persistence",
    abstract: "Stores rows in declared tables.",
    discussion: """
      with: {table: equipment_status, row: {equipment: m1, device: d1, time: 2024-02-29T12:34:56Z, …}}
      reply: {"table": "equipment_status", "inserted": 1, "duplicates": 0}

      EXAMPLES:
        processor persistence --config mediator.yaml
        processor persistence --config mediator.yaml --instance persistence-1
        processor persistence --config mediator.yaml \\
          --topology broker --topic EquipmentStatus
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var topology: TopologyOptions

  func run() async throws { try await common.run(.persistence, topology.overrides(.persistence)) }
}

struct AlertsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "alerts",
    abstract: "Checks readings against rules and tells when an alert is raised or cleared.",
    discussion: """
      with: {equipment: m1, values: {jobPercentFinished: 97, producing: true}, time: 2024-02-29T12:34:56Z}
      reply: {"state": "raised", "transitions": [{"rule": …, "state": "raised", "value": 97, …}]}

      EXAMPLES:
        processor alerts --config mediator.yaml
        processor alerts --config mediator.yaml \\
          --topology broker --topic EquipmentStatus
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var topology: TopologyOptions

  func run() async throws { try await common.run(.alerts, topology.overrides(.alerts)) }
}

struct TelegramCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "telegram",
    abstract: "Sends messages through Telegram's Bot API; without a token it prints them.",
    discussion: """
      with: {chat: operators, text: "m1 has stopped"}
      reply: {"delivered": true, "messageId": 17, "possibleRepeat": false}

      The token comes from the file that processors.telegram.tokenFile names, or from TELEGRAM_BOT_TOKEN.

      EXAMPLES:
        processor telegram --config mediator.yaml
        TELEGRAM_BOT_TOKEN=123456:ABC… processor telegram --config mediator.yaml
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var topology: TopologyOptions

  @Option(help: "Messages on their way at the same moment (default: 16).")
  var concurrency: Int?

  func run() async throws {
    var overrides = topology.overrides(.telegram)
    overrides["processors.telegram.concurrency"] = concurrency.map(String.init)
    try await common.run(.telegram, overrides)
  }
}

struct HTTPCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "http",
    abstract: "Makes the HTTP calls of call: http and call: openapi.",
    discussion: """
      with: {method: get, endpoint: https://api.example.com/machines/m1}
      with: {document: {endpoint: https://api.example.com/openapi.json}, operationId: getMachine, parameters: {id: m1}}
      reply: the answer's content; output: raw or response asks for more

      Addresses that are not public (this machine, its network) cannot be called unless --allow names them.

      EXAMPLES:
        processor http --config mediator.yaml
        processor http --config mediator.yaml --allow '*.example.com' --allow plc.internal:8080 --concurrency 8
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var topology: TopologyOptions

  @Option(
    help: "A host that may be called: name, *.domain, address or block, with :port; repeatable (default: public).")
  var allow: [String] = []

  @Option(help: "Calls under way at the same moment (default: 32).")
  var concurrency: Int?

  func run() async throws {
    var overrides = topology.overrides(.http)
    overrides["processors.http.allow"] = list(allow)
    overrides["processors.http.concurrency"] = concurrency.map(String.init)
    try await common.run(.http, overrides)
  }
}

/// As YAML, for an IPv6 address has brackets of its own; nil where there is nothing to override.
private func list(_ texts: [String]) -> String? {
  texts.isEmpty ? nil : "[\(texts.map { "\"\($0)\"" }.joined(separator: ", "))]"
}

struct AsyncAPICommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "asyncapi",
    abstract: "Publishes the messages of call: asyncapi to Kafka.",
    discussion: """
      with: {document: {endpoint: https://api.example.com/asyncapi.yaml}, operation: sendAlarm, message: {payload: …}}
      reply: {"topic": "alarms"}

      Only this processor's own cluster is written to, unless processors.asyncapi.servers names others; see
      docs/processors.md.

      EXAMPLES:
        processor asyncapi --config mediator.yaml
        processor asyncapi --config mediator.yaml --allow docs.internal:8080 --topics 'alarms.*'
      """)

  @OptionGroup var common: CommonOptions
  @OptionGroup var topology: TopologyOptions

  @Option(
    help:
      "A host that documents may come from: name, *.domain, address or block, with :port; repeatable (default: public)."
  )
  var allow: [String] = []

  @Option(help: "A topic that may be written to; * stands for any text; repeatable (default: all but mediator.*).")
  var topics: [String] = []

  @Option(help: "Messages on their way at the same moment (default: 32).")
  var concurrency: Int?

  func run() async throws {
    var overrides = topology.overrides(.asyncapi)
    overrides["processors.asyncapi.allow"] = list(allow)
    overrides["processors.asyncapi.topics"] = list(topics)
    overrides["processors.asyncapi.concurrency"] = concurrency.map(String.init)
    try await common.run(.asyncapi, overrides)
  }
}

struct EchoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "echo",
    abstract: "Replies with the data it is given. For tests and benchmarks; needs no database.",
    discussion: """
      EXAMPLES:
        processor echo --bootstrap-servers 127.0.0.1:9092 --channel greet
        processor echo --config mediator.yaml --channel first --channel second
      """)

  @OptionGroup var common: CommonOptions

  @Option(help: "A channel to serve; repeatable (default: echo).")
  var channel: [String] = []

  func run() async throws { try await common.run(.echo, [:], channels: channel) }
}
