/// Every key of the Serverless Workflow DSL 1.0.3, also of what this engine does not run: a key that is in no table
/// here is a mistake. Source: schema/workflow.yaml and dsl-reference.md of the standard; where they disagree, both
/// readings are known.
enum Standard {
  static func shape(_ name: String) -> Shape { shapes[name] ?? .any }

  /// The key that says what kind a task is, and the members of that kind besides those of every task.
  static func kind(_ name: String) -> Shape.Members? { kinds[name] }

  static let kindNames: Set<String> = Set(kinds.keys)

  static let protocolNames: [String] = protocols.keys.sorted()

  /// The names that `call` reserves for protocols, with the members of their `with`.
  static func protocolArguments(_ name: String) -> Shape.Members? { protocols[name] }

  /// What every task can have.
  static let taskMembers: [String: Shape] = [
    "if": .string, "input": .named("input"), "output": .named("output"), "export": .named("export"),
    "timeout": .named("timeout"), "then": .string, "metadata": .map(.any),
  ]

  private static let tasks: Shape = .namedList(.task)
  private static let duration: Shape = .either([
    .string,
    .members([
      "days": .integer, "hours": .integer, "minutes": .integer, "seconds": .integer, "milliseconds": .integer,
    ]),
  ])
  private static let data: Shape = .either([.string, .map(.any)])

  private static let shapes: [String: Shape] = workflowShapes.merging(policyShapes) { first, _ in first }

  private static let workflowShapes: [String: Shape] = [
    "workflow": .members(
      [
        "document": .named("document"), "input": .named("input"), "use": .named("use"), "do": tasks,
        "timeout": .named("timeout"), "output": .named("output"), "schedule": .named("schedule"),
        "evaluate": .members(["language": .string, "mode": .choice(["strict", "loose"])]),
      ], required: ["document", "do"]),
    "document": .members(
      [
        "dsl": .string, "namespace": .string, "name": .string, "version": .string, "title": .string,
        "summary": .string, "tags": .map(.any), "metadata": .map(.any),
      ], required: ["dsl", "namespace", "name", "version"]),
    "use": .members([
      "authentications": .map(.named("authentication")), "catalogs": .map(.named("catalog")),
      "errors": .map(.named("error")), "extensions": .namedList(.named("extension")), "functions": .map(.task),
      "retries": .map(.named("retryPolicy")), "secrets": .list(.string),
      "timeouts": .map(.members(["after": duration], required: ["after"])),
    ]),
    "schedule": .members([
      "every": duration, "cron": .string, "after": duration, "on": .named("eventConsumption"),
    ]),
    "input": .members(["schema": .named("schema"), "from": data]),
    "output": .members(["schema": .named("schema"), "as": data]),
    "export": .members(["schema": .named("schema"), "as": data]),
    "schema": .members(
      ["format": .string, "document": .any, "resource": .named("resource")], exactlyOne: ["document", "resource"]),
    "timeout": .either([.string, .members(["after": duration], required: ["after"])]),
    "extension": .members(
      [
        "extend": .choice([
          "call", "composite", "emit", "extension", "for", "listen", "raise", "run", "set", "switch", "try", "wait",
          "all",
        ]),
        "when": .string, "before": tasks, "after": tasks,
      ], required: ["extend"]),
    "catalog": .members(["endpoint": .named("endpoint")], required: ["endpoint"]),
    "eventConsumption": .members(
      [
        "all": .list(.named("eventFilter")), "any": .list(.named("eventFilter")), "one": .named("eventFilter"),
        "until": .either([.string, .named("eventConsumption")]),
      ], exactlyOne: ["all", "any", "one"]),
    "eventFilter": .members(
      [
        "with": .named("eventAttributes"),
        "correlate": .map(.members(["from": .string, "expect": .string], required: ["from"])),
      ], required: ["with"]),
    "eventAttributes": .members(
      [
        "id": .string, "source": .string, "type": .string, "time": .string, "subject": .string,
        "datacontenttype": .string, "dataschema": .string, "data": .any,
      ], others: true),
    "iterator": .members([
      "item": .string, "at": .string, "do": tasks, "output": .named("output"), "export": .named("export"),
    ]),
  ]

  private static let policyShapes: [String: Shape] = [
    "error": .members(
      ["type": .string, "status": .integer, "instance": .string, "title": .string, "detail": .string],
      required: ["type", "status"]),
    "retryPolicy": .members([
      "when": .string, "exceptWhen": .string, "delay": duration,
      "backoff": .members(
        ["constant": .map(.any), "exponential": .map(.any), "linear": .map(.any)],
        exactlyOne: ["constant", "exponential", "linear"]),
      "limit": .members(["attempt": .members(["count": .integer, "duration": duration]), "duration": duration]),
      "jitter": .members(["from": duration, "to": duration], required: ["from", "to"]),
    ]),
    "endpoint": .either([
      .string,
      .members(["uri": .string, "authentication": .either([.string, .named("authentication")])], required: ["uri"]),
    ]),
    "resource": .members(["name": .string, "endpoint": .named("endpoint")], required: ["endpoint"]),
    "authentication": .members(
      [
        "use": .string, "basic": .named("credentials"), "digest": .named("credentials"),
        "bearer": .either([.string, .members(["token": .string, "use": .string])]), "oauth2": .named("oauth2"),
        "oidc": .named("oauth2"), "certificate": .map(.any),
      ], exactlyOne: ["use", "basic", "digest", "bearer", "oauth2", "oidc", "certificate"]),
    "credentials": .members(["username": .string, "password": .string, "use": .string]),
    "oauth2": .members([
      "use": .string, "authority": .string, "grant": .string,
      "endpoints": .members(["token": .string, "revocation": .string, "introspection": .string]),
      "client": .members(["id": .string, "secret": .string, "assertion": .string, "authentication": .string]),
      "request": .members(["encoding": .string]), "issuers": .list(.string), "scopes": .list(.string),
      "audiences": .list(.string), "username": .string, "password": .string, "subject": .named("token"),
      "actor": .named("token"),
    ]),
    "token": .members(["token": .string, "type": .string], required: ["token", "type"]),
  ]

  // MARK: Tasks

  private static let kinds: [String: Shape.Members] = [
    "call": .init(keys: ["call": .string, "with": .map(.any)], required: ["call"]),
    "do": .init(keys: ["do": tasks], required: ["do"]),
    "emit": .init(
      keys: [
        "emit": .members(
          ["event": .members(["with": .named("eventAttributes")], required: ["with"])], required: ["event"])
      ], required: ["emit"]),
    "for": .init(
      keys: [
        "for": .members(["each": .string, "in": .string, "at": .string], required: ["in"]), "while": .string,
        "do": tasks,
      ], required: ["for", "do"]),
    "fork": .init(
      keys: ["fork": .members(["branches": tasks, "compete": .boolean], required: ["branches"])], required: ["fork"]),
    "listen": .init(
      keys: [
        "listen": .members(
          ["to": .named("eventConsumption"), "read": .choice(["data", "envelope", "raw"])], required: ["to"]),
        "foreach": .named("iterator"),
      ], required: ["listen"]),
    "raise": .init(
      keys: ["raise": .members(["error": .either([.string, .named("error")])], required: ["error"])],
      required: ["raise"]),
    "run": .init(keys: ["run": run], required: ["run"]),
    "set": .init(keys: ["set": data], required: ["set"]),
    "switch": .init(
      keys: ["switch": .namedList(.members(["when": .string, "then": .string], required: ["then"]))],
      required: ["switch"]),
    "try": .init(keys: ["try": .either([tasks, .task]), "catch": handler], required: ["try", "catch"]),
    "wait": .init(keys: ["wait": duration], required: ["wait"]),
  ]

  private static let handler: Shape = .members([
    "errors": .members([
      "with": .members([
        "type": .string, "status": .integer, "instance": .string, "title": .string, "details": .string,
        "detail": .string,
      ])
    ]),
    "as": .string, "when": .string, "exceptWhen": .string, "retry": .either([.string, .named("retryPolicy")]),
    "do": tasks,
  ])

  private static let run: Shape = .members(
    [
      "await": .boolean, "return": .choice(["stdout", "stderr", "code", "all", "none"]),
      "container": .members(
        [
          "image": .string, "name": .string, "command": .string, "ports": .map(.any), "volumes": .map(.any),
          "environment": .map(.any), "stdin": .string, "arguments": .list(.string),
          "lifetime": .members(
            ["cleanup": .choice(["always", "never", "eventually"]), "after": duration], required: ["cleanup"]),
          "pullPolicy": .choice(["ifNotPresent", "always", "never"]),
        ], required: ["image"]),
      "script": .members(
        [
          "language": .string, "code": .string, "source": .named("resource"), "stdin": .string,
          "arguments": .either([.list(.string), .map(.any)]), "environment": .map(.any),
        ], required: ["language"], exactlyOne: ["code", "source"]),
      "shell": .members(
        [
          "command": .string, "stdin": .string, "arguments": .either([.list(.string), .map(.any)]),
          "environment": .map(.any),
        ], required: ["command"]),
      "workflow": .members(
        ["namespace": .string, "name": .string, "version": .string, "input": .map(.any)],
        required: ["namespace", "name"]),
    ], exactlyOne: ["container", "script", "shell", "workflow"])

  // MARK: Protocols

  private static let output: Shape = .choice(["raw", "content", "response"])

  private static let protocols: [String: Shape.Members] = [
    "http": .init(
      keys: [
        "method": .string, "endpoint": .named("endpoint"), "headers": data, "body": .any, "query": data,
        "output": output, "redirect": .boolean,
      ], required: ["method", "endpoint"]),
    "openapi": .init(
      keys: [
        "document": .named("resource"), "operationId": .string, "parameters": .map(.any),
        "authentication": .either([.string, .named("authentication")]), "output": output, "redirect": .boolean,
      ], required: ["document", "operationId"]),
    "asyncapi": .init(
      keys: [
        "document": .named("resource"), "channel": .string, "operation": .string, "protocol": .choice(messageProtocols),
        "server": .members(["name": .string, "variables": .map(.any)], required: ["name"]),
        "message": .members(["payload": .map(.any), "headers": .map(.any), "correlationId": .string]),
        "subscription": subscription, "authentication": .either([.string, .named("authentication")]),
      ], required: ["document"]),
    "grpc": .init(
      keys: [
        "proto": .named("resource"), "method": .string, "arguments": .map(.any),
        "service": .members(
          [
            "name": .string, "host": .string, "port": .integer,
            "authentication": .either([.string, .named("authentication")]),
          ],
          required: ["name", "host"]),
      ], required: ["proto", "service", "method"]),
    "a2a": .init(
      keys: [
        "agentCard": .named("resource"), "server": .named("endpoint"), "method": .string, "parameters": data,
      ], required: ["method"]),
    "mcp": .init(
      keys: [
        "protocolVersion": .string, "method": .string, "parameters": data, "timeout": duration,
        "transport": .map(.any), "client": .map(.any),
      ], required: ["method", "transport"]),
  ]

  private static let messageProtocols = [
    "amqp", "amqp1", "anypointmq", "googlepubsub", "http", "ibmmq", "jms", "kafka", "mercure", "mqtt", "mqtt5", "nats",
    "pulsar", "redis", "sns", "solace", "sqs", "stomp", "ws",
  ]

  private static let subscription: Shape = .members(
    [
      "filter": .string,
      "consume": .members(
        ["for": duration, "amount": .integer, "while": .string, "until": .string],
        exactlyOne: ["amount", "while", "until"]),
      "foreach": .named("iterator"),
    ], required: ["consume"])
}
