import TestSupport
import Testing
import Values

/// The whole system through its programs: queue → mediator → channels → processors → replies.
@Suite(.serialized) struct EquipmentStatusTests {
  @Test(.timeLimit(.minutes(6)))
  func tenThousandReadingsEachHaveTheirEffectOnce() async throws {
    let cluster = try await Cluster()
    try await cluster.run("mediatorctl", "deploy", workflow("equipment-status.yaml"))
    let services = [
      try cluster.start("mediator"), try cluster.start("processor", "persistence"),
      try cluster.start("processor", "alerts"), try cluster.start("processor", "telegram"),
    ]
    let counts = try JSON.parse(
      try await cluster.run(
        "simulator", "--count", "10000", "--rate", "4000", "--devices", "5", "--equipments-per-device", "4",
        "--seed", "7", "--duplicates", "1", "--garbage", "1", "--output", "json"))
    let accepted = try #require(counts["readings"]?.int, "\(counts.text)")
    try await cluster.waitForInstances(accepted, within: .seconds(240))
    try await cluster.verify()
    for service in services { #expect(try await service.stop() == 0, "\(service.log.suffix(2000))") }
    await cluster.remove()
  }
}

/// The path of an example definition.
func workflow(_ name: String) -> String {
  let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
  return "/\(root)/workflows/\(name)"
}
