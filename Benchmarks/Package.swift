// swift-tools-version: 6.2
import PackageDescription

// A package of its own: nobody who uses or tests Mediator builds this. scripts/bench.sh does, and runs it.
let package = Package(
  name: "Benchmarks",
  dependencies: [
    .package(name: "Mediator", path: ".."),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
  ],
  targets: [
    .executableTarget(
      name: "bench",
      dependencies: [
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Engine", package: "Mediator"),
        .product(name: "HTTP", package: "Mediator"),
        .product(name: "Kafka", package: "Mediator"),
        .product(name: "Postgres", package: "Mediator"),
        .product(name: "Values", package: "Mediator"),
        .product(name: "Workflow", package: "Mediator"),
      ],
      swiftSettings: [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("MemberImportVisibility"),
      ])
  ]
)
