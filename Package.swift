// swift-tools-version: 6.2
import PackageDescription

// Every target: Swift 6 mode (strict concurrency is part of it), and an import must be visible where it is used.
// `make check` turns warnings into errors.
let strict: [SwiftSetting] = Context.environment["MEDIATOR_CHECK"] == nil ? [] : [.treatAllWarnings(as: .error)]
let swiftSettings: [SwiftSetting] =
  [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("MemberImportVisibility"),
  ] + strict

func product(_ name: String, _ package: String) -> Target.Dependency { .product(name: name, package: package) }
let arguments = product("ArgumentParser", "swift-argument-parser")
let logging = product("Logging", "swift-log")
let metrics = product("Metrics", "swift-metrics")
let metricsCore = product("CoreMetrics", "swift-metrics")
let lifecycle = product("ServiceLifecycle", "swift-service-lifecycle")
let unixSignals = product("UnixSignals", "swift-service-lifecycle")
let hummingbird = product("Hummingbird", "hummingbird")
let hummingbirdTLS = product("HummingbirdTLS", "hummingbird")
let nio = product("NIOCore", "swift-nio")
let nioSSL = product("NIOSSL", "swift-nio-ssl")
let httpTypes = product("HTTPTypes", "swift-http-types")

func library(
  _ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = [], exclude: [String] = []
) -> Target {
  .target(
    name: name, dependencies: dependencies, exclude: exclude, resources: resources, swiftSettings: swiftSettings)
}

/// A thin executable under Sources/Commands.
func command(_ name: String, in folder: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies + [arguments], path: "Sources/Commands/\(folder)",
    swiftSettings: swiftSettings)
}

func tests(_ name: String, in folder: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, path: "Tests/\(folder)", swiftSettings: swiftSettings)
}

let package = Package(
  name: "Mediator",
  // For the package in Benchmarks only; what others build on is the wire contract.
  products: ["Engine", "HTTP", "Kafka", "Postgres", "Values", "Workflow"].map {
    .library(name: $0, targets: [$0])
  },
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
  ],
  targets: [
    // C libraries: a module map and a shim header each.
    .systemLibrary(name: "CCrypto"),
    .systemLibrary(name: "CCurl"),
    .systemLibrary(name: "CJQ"),
    .systemLibrary(name: "CLibPQ"),
    .systemLibrary(name: "CLibYAML"),
    .systemLibrary(name: "CRDKafka"),

    // Values and files.
    library("Safeguards", []),
    library("Threads", []),
    library("Values", ["CCrypto"]),
    library("YAML", ["CLibYAML", "Values"]),

    // The language and the pure engine.
    library("JSONSchema", ["CJQ", "Values"]),
    library("Workflow", ["CJQ", "JSONSchema", "Values", "YAML"]),
    library("Engine", ["Safeguards", "Values", "Workflow"]),
    library("Toolchain", ["Engine", "HTTP", "HTTPCalls", "Values", "Workflow", "YAML"]),

    // Adapters, and the contract on the wire.
    library("Kafka", ["CRDKafka", "Threads", logging]),
    library("Postgres", ["CLibPQ", "Threads"]),
    library("HTTP", ["CCurl", "Threads"]),
    library("HTTPCalls", ["HTTP", "Values", "YAML"]),
    library("Wire", ["Kafka", "Values"]),
    library("Simulator", ["Kafka", "Values", "Wire"]),

    // Services.
    library(
      "Hosting",
      ["Kafka", "Threads", "Values", "YAML", httpTypes, hummingbird, lifecycle, logging, metricsCore, nio]),
    library(
      "Mediator",
      [
        "Engine", "Hosting", "Kafka", "Postgres", "Safeguards", "Values", "Wire", "Workflow", "YAML", logging, metrics,
        lifecycle,
      ],
      resources: [.embedInCode("Migrations")]),
    library(
      "Processors",
      [
        "HTTP", "HTTPCalls", "Hosting", "Kafka", "Postgres", "Safeguards", "Values", "Wire", lifecycle, logging,
        metrics,
      ],
      resources: [.embedInCode("Resources/migrations")]),

    // Programs: arguments in, library calls, exit codes out.
    command(
      "mediator", in: "Mediator",
      ["Engine", "Hosting", "Kafka", "Mediator", "Postgres", "Values", "Wire", logging, metrics, lifecycle]),
    command(
      "processor", in: "Processor",
      ["Hosting", "Kafka", "Postgres", "Processors", "Values", lifecycle, logging, metrics]),
    command(
      "mediatorctl", in: "MediatorCtl",
      [
        "Engine", "HTTP", "HTTPCalls", "Hosting", "Kafka", "Mediator", "Postgres", "Toolchain", "Values", "Wire",
        "Workflow", "YAML", logging,
      ]),
    command("mock-broker", in: "MockBroker", ["Kafka", "Threads"]),
    command("simulator", in: "Simulator", ["Kafka", "Simulator", "Values", logging, unixSignals]),

    // What tests share: private servers, a TCP proxy, a stand-in of Telegram.
    .target(
      name: "TestSupport",
      dependencies: [
        "Kafka", "Postgres", "Threads", "Values", httpTypes, hummingbird, hummingbirdTLS, lifecycle, logging, nio,
        nioSSL,
      ], path: "Tests/Support", swiftSettings: swiftSettings),

    // Random definitions, for the model tests and for the simulation.
    .target(name: "Generator", dependencies: ["Values"], path: "Tests/Generator", swiftSettings: swiftSettings),

    // Pure units.
    tests("ValuesTests", in: "Unit/ValuesTests", ["Values"]),
    tests("YAMLTests", in: "Unit/YAMLTests", ["Values", "YAML"]),
    tests("JSONSchemaTests", in: "Unit/JSONSchemaTests", ["JSONSchema", "Values"]),
    tests("WorkflowTests", in: "Unit/WorkflowTests", ["Values", "Workflow", "YAML"]),
    tests("EngineTests", in: "Unit/EngineTests", ["Engine", "Values", "Workflow"]),
    tests("ModelTests", in: "Unit/ModelTests", ["Engine", "Generator", "Values", "Workflow"]),
    tests(
      "ToolchainTests", in: "Unit/ToolchainTests",
      ["Engine", "HTTP", "HTTPCalls", "Toolchain", "Values", "Workflow"]),
    tests("HTTPCallsTests", in: "Unit/HTTPCallsTests", ["HTTP", "HTTPCalls", "Values"]),
    tests("WireTests", in: "Unit/WireTests", ["Kafka", "Values", "Wire"]),
    tests("SimulatorTests", in: "Unit/SimulatorTests", ["Kafka", "Simulator", "Values", "Wire"]),
    tests(
      "HostingTests", in: "Unit/HostingTests",
      ["HTTP", "Hosting", "Kafka", "Values", lifecycle, logging, metrics, metricsCore]),

    tests(
      "MediatorTests", in: "Unit/MediatorTests",
      ["Engine", "Hosting", "Kafka", "Mediator", "Values", "Wire", "Workflow", logging]),
    tests(
      "ProcessorsTests", in: "Unit/ProcessorsTests",
      ["HTTP", "HTTPCalls", "Hosting", "Kafka", "Postgres", "Processors", "Values", "Wire", logging]),

    // The seeded simulation of the production loop.
    tests(
      "SimulationTests", in: "Simulation",
      [
        "Engine", "Generator", "Kafka", "Mediator", "Processors", "Safeguards", "Values", "Wire", "Workflow", logging,
      ]),

    // Adapters and services on real servers.
    tests("KafkaTests", in: "Integration/KafkaTests", ["Kafka", "TestSupport", "Threads", "mock-broker", logging]),
    tests("PostgresTests", in: "Integration/PostgresTests", ["Postgres", "TestSupport"]),
    tests("HTTPTests", in: "Integration/HTTPTests", ["HTTP", "TestSupport", "Threads", "Values"]),
    tests(
      "HTTPCallsIntegrationTests", in: "Integration/HTTPCallsTests", ["HTTP", "HTTPCalls", "TestSupport", "Values"]),
    tests(
      "ConformanceIntegrationTests", in: "Integration/ConformanceTests",
      ["Engine", "HTTP", "HTTPCalls", "TestSupport", "Toolchain", "Values", "Workflow"]),
    tests(
      "MediatorCtlTests", in: "Unit/MediatorCtlTests",
      ["Engine", "Kafka", "Mediator", "Toolchain", "Values", "Wire", "Workflow", "mediatorctl", arguments]),
    tests(
      "MediatorCtlIntegrationTests", in: "Integration/MediatorCtlTests",
      ["Engine", "Kafka", "Mediator", "Postgres", "TestSupport", "Values", "Wire", "Workflow", "mediatorctl"]),

    tests(
      "MediatorIntegrationTests", in: "Integration/MediatorTests",
      ["Engine", "Kafka", "Mediator", "Postgres", "TestSupport", "Values", "Wire", "Workflow", logging]),

    tests(
      "ProcessorsIntegrationTests", in: "Integration/ProcessorsTests",
      ["Hosting", "HTTP", "HTTPCalls", "Kafka", "Postgres", "Processors", "TestSupport", "Values", "Wire", logging]),

    // The programs, end to end.
    tests("EndToEndTests", in: "EndToEnd", ["HTTP", "Kafka", "Postgres", "TestSupport", "Values", "mock-broker"]),
  ]
)
