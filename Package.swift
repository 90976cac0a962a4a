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

let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let metricsCore = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")

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
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
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
    library("Threads", []),
    library("Values", ["CCrypto"]),
    library("YAML", ["CLibYAML", "Values"]),

    // The language and the pure engine.
    library("Workflow", ["CJQ", "Values", "YAML"]),
    library("Engine", ["Values", "Workflow"]),

    // Adapters, and the contract on the wire.
    library("Kafka", ["CRDKafka", "Threads", logging]),
    library("Postgres", ["CLibPQ", "Threads"]),
    library("HTTP", ["CCurl", "Threads"]),
    library("Wire", ["Kafka", "Values"]),
    library("Simulator", ["Kafka", "Values", "Wire"]),

    // Services.
    library("Hosting", ["Kafka", "Values", "YAML", logging, metrics, metricsCore, lifecycle, hummingbird]),
    library(
      "Mediator",
      ["Engine", "Hosting", "Kafka", "Postgres", "Values", "Wire", "Workflow", logging, metrics, lifecycle],
      resources: [.embedInCode("Migrations")]),

    // Programs: arguments in, library calls, exit codes out.
    command(
      "mediator", in: "Mediator",
      ["Engine", "Hosting", "Kafka", "Mediator", "Postgres", "Wire", logging, metrics, lifecycle]),
    command("simulator", in: "Simulator", ["Kafka", "Simulator", "Values", logging, unixSignals]),

    // Tests: pure units, the seeded simulation, adapters on real servers, the programs end to end.
    tests("ValuesTests", in: "Unit/ValuesTests", ["Values"]),
    tests("YAMLTests", in: "Unit/YAMLTests", ["Values", "YAML"]),
    tests("WireTests", in: "Unit/WireTests", ["Kafka", "Values", "Wire"]),
    tests("SimulatorTests", in: "Unit/SimulatorTests", ["Kafka", "Simulator", "Values", "Wire"]),
    tests("EngineTests", in: "Unit/EngineTests", ["Engine", "Values", "Workflow"]),
    tests("SimulationTests", in: "Simulation", ["Engine", "Kafka", "Mediator", "Values", "Wire", "Workflow"]),
  ]
)
