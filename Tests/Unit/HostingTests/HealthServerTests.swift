import CoreMetrics
import HTTP
import Hosting
import Logging
import ServiceLifecycle
import Synchronization
import Testing
import Values

@Suite struct HealthServerTests {
  private let checks = HealthChecks(limit: .milliseconds(200))
  private let metrics = PrometheusRegistry()
  private let silent = Logger(label: "t") { _ in SwiftLogNoOpLogHandler() }

  /// Runs a server for as long as `body` runs.
  private func withServer(_ body: (_ url: String) async throws -> Void) async throws {
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    let server = HealthServer(
      host: "127.0.0.1", port: 0, checks: checks, metrics: metrics, redactor: SecretRedactor(["hunter2"]),
      logger: silent, onListening: { port.yield($0) })
    let group = ServiceGroup(configuration: ServiceGroupConfiguration(services: [server], logger: silent))
    async let running: Void = group.run()
    for await port in ports {
      try await body("http://127.0.0.1:\(port)")
      break
    }
    await group.triggerGracefulShutdown()
    try await running
  }

  private func get(_ url: String, _ method: String = "GET") async throws -> HTTPResponse {
    try await HTTPClient().send(HTTPRequest(method: method, url: url))
  }

  @Test func aliveAndReady() async throws {
    checks.register("database") { nil }
    try await withServer { url in
      #expect(try await get(url + "/livez").status == 200)
      let ready = try await get(url + "/readyz")
      #expect(ready.status == 200)
      #expect(try JSON.parse(ready.body) == ["status": "ready", "failing": []])
      #expect(try await get(url + "/else").status == 404)
      #expect(try await get(url + "/livez", "POST").status == 405)
      #expect(try await get(url + "/livez", "HEAD").body.isEmpty)
    }
  }

  @Test func notReadySaysWhy_hidesSecrets_andDoesNotWaitForeverForACheck() async throws {
    checks.register("database") { "password hunter2 refused" }
    checks.register("fine") { nil }
    checks.register("Kafka") {
      await withCheckedContinuation { continuation in
        // Hangs for as long as the test needs.
        Task.detached {
          try? await Task.sleep(for: .seconds(30))
          continuation.resume()
        }
      }
      return nil
    }
    try await withServer { url in
      let response = try await get(url + "/readyz")
      #expect(response.status == 503)
      #expect(response.header("content-type") == "application/json")
      #expect(
        try JSON.parse(response.body) == [
          "status": "not ready",
          "failing": [
            ["name": "database", "reason": "password *** refused"],
            ["name": "Kafka", "reason": "no answer within 0.2s"],
          ],
        ])
      checks.register("Kafka") { nil }
      checks.register("database") { nil }
      #expect(try await get(url + "/readyz").status == 200)
    }
  }

  @Test func metricsAreServed() async throws {
    Counter(label: "seen", factory: metrics).increment()
    try await withServer { url in
      let response = try await get(url + "/metrics")
      #expect(response.header("content-type") == "text/plain; version=0.0.4; charset=utf-8")
      let text = String(decoding: response.body, as: UTF8.self)
      #expect(text.contains("\nseen_total 1\n"))
      #expect(text.contains("\nprocess_cpu_seconds_total "))
    }
  }

  @Test func aPortInUseIsToldClearly() async throws {
    try await withServer { url in
      let port = Int(url.split(separator: ":").last ?? "") ?? 0
      let second = HealthServer(
        host: "127.0.0.1", port: port, checks: checks, metrics: metrics, redactor: SecretRedactor(), logger: silent)
      let error = await #expect(throws: HostingError.self) { try await second.run() }
      #expect(error?.code == .addressInUse)
      #expect(error?.message.contains("127.0.0.1:\(port)") == true)
      #expect(error?.message.contains("health.port") == true)
    }
  }
}
