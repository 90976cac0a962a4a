import Glibc
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Values

/// `GET /livez`: 200 while the process can answer. `GET /readyz`: 200, or 503 with the checks that fail.
/// `GET /metrics`: Prometheus text.
public struct HealthServer: Service {
  private let host: String
  private let port: Int
  private let checks: HealthChecks
  private let metrics: PrometheusRegistry
  private let redactor: SecretRedactor
  private let logger: Logger
  private let onListening: @Sendable (Int) -> Void

  /// - Parameters:
  ///   - port: 0 takes any free one.
  ///   - onListening: gets the port once requests are served.
  public init(
    host: String, port: Int, checks: HealthChecks, metrics: PrometheusRegistry, redactor: SecretRedactor,
    logger: Logger, onListening: @escaping @Sendable (Int) -> Void = { _ in }
  ) {
    self.host = host
    self.port = port
    self.checks = checks
    self.metrics = metrics
    self.redactor = redactor
    self.logger = logger
    self.onListening = onListening
  }

  /// Serves until the service group ends.
  ///
  /// - Throws: `HostingError` `addressInUse` or `cannotListen`.
  public func run() async throws {
    var quiet = logger
    quiet.logLevel = max(logger.logLevel, .warning)
    let application = Application(
      responder: CallbackResponder<HealthContext> { request, _ in await respond(to: request) },
      configuration: .init(address: .hostname(host, port: port), serverName: nil),
      onServerRunning: { channel in
        let port = channel.localAddress?.port ?? port
        logger.info("health and metrics are served", metadata: ["address": "\(host):\(port)"])
        onListening(port)
      },
      logger: quiet)
    do {
      try await application.run()
    } catch let error as IOError {
      throw listenError(error)
    }
  }

  private func listenError(_ error: IOError) -> HostingError {
    guard error.errnoCode == EADDRINUSE else {
      return HostingError(.cannotListen, "cannot listen on \(host):\(port) for health and metrics: \(error)")
    }
    return HostingError(
      .addressInUse,
      "cannot listen on \(host):\(port) for health and metrics: another program does. "
        + "Set health.port (MEDIATOR_HEALTH_PORT) to a free port, or to 0 for none.")
  }

  private func respond(to request: Request) async -> Response {
    let known = ["/livez", "/readyz", "/metrics"].contains(request.uri.path)
    guard known else { return response(.notFound, "text/plain", "try /livez, /readyz or /metrics\n") }
    guard request.method == .get || request.method == .head else {
      return response(.methodNotAllowed, "text/plain", "only GET\n")
    }
    switch request.uri.path {
    case "/livez": return response(.ok, "text/plain", "ok\n")
    case "/readyz": return readiness(await checks.failing(), await checks.told())
    default:
      return response(.ok, "text/plain; version=0.0.4; charset=utf-8", metrics.text() + processMetrics())
    }
  }

  private func readiness(
    _ failing: [(name: String, reason: String)], _ told: [(name: String, reason: String)]
  ) -> Response {
    func list(_ items: [(name: String, reason: String)]) -> JSON {
      .array(items.map { ["name": .string($0.name), "reason": .string(redactor.redact($0.reason))] })
    }
    var body: JSONObject = [
      "status": failing.isEmpty ? "ready" : "not ready", "failing": list(failing),
    ]
    if !told.isEmpty { body["notes"] = list(told) }
    return response(failing.isEmpty ? .ok : .serviceUnavailable, "application/json", JSON.object(body).text + "\n")
  }

  private func response(_ status: HTTPResponse.Status, _ type: String, _ body: String) -> Response {
    Response(
      status: status, headers: [.contentType: type, .cacheControl: "no-store"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: body)))
  }
}

/// Nothing of a request's context is needed.
private struct HealthContext: InitializableFromSource {
  init(source: ApplicationRequestContextSource) {}
}
