// swift-tools-version: 6.1
import PackageDescription

// Every target: Swift 6 mode (strict concurrency is part of it), and an import must be visible where it is used.
let swiftSettings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("MemberImportVisibility"),
]

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource]? = nil) -> Target {
  .testTarget(name: name, dependencies: dependencies, resources: resources, swiftSettings: swiftSettings)
}

/// A thin executable under Sources/Commands.
func command(_ name: String, folder: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies, path: "Sources/Commands/\(folder)", swiftSettings: swiftSettings)
}

let package = Package(
  name: "Mediator",
  dependencies: [],
  targets: []
)
