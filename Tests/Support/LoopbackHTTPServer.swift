import HTTPTypes
import Hummingbird
import HummingbirdTLS
import Logging
import NIOCore
import NIOSSL
import ServiceLifecycle

/// A real HTTP server on a free loopback port, answering from a closure.
public final class LoopbackHTTPServer: Sendable {
  public struct Request: Sendable {
    public let method: String
    public let path: String
    public let query: String?
    /// Names in lower case.
    public let headers: [(name: String, value: String)]
    public let body: [UInt8]
    /// The same for all requests of one connection.
    public let connection: String

    public func header(_ name: String) -> String? { headers.first { $0.name == name.lowercased() }?.value }
  }

  public enum Answer: Sendable {
    case response(status: Int, headers: [(String, String)], body: [UInt8])
    /// Chunks without a Content-Length.
    case chunks([[UInt8]])
    /// Closes the connection without a byte of a response.
    case drop

    public static func text(_ status: Int, _ body: String, headers: [(String, String)] = []) -> Answer {
      .response(status: status, headers: headers, body: Array(body.utf8))
    }
  }

  /// PEM files.
  public struct Certificate: Sendable {
    public let chainFile: String
    public let keyFile: String

    public init(chainFile: String, keyFile: String) {
      self.chainFile = chainFile
      self.keyFile = keyFile
    }
  }

  public typealias Handler = @Sendable (Request) async -> Answer

  public let port: Int
  /// Without a trailing slash.
  public let url: String
  private let group: ServiceGroup
  private let running: Task<Void, any Error>

  public init(certificate: Certificate? = nil, _ handler: @escaping Handler) async throws {
    let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
    let application = Application(
      responder: CallbackResponder<ConnectionContext> { request, context in
        try await Self.respond(to: request, in: context, handler)
      },
      server: try certificate.map { try .tls(tlsConfiguration: $0.configuration) } ?? .http1(),
      configuration: .init(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { channel in continuation.yield(channel.localAddress?.port ?? 0) },
      logger: Logger(label: "test-server", factory: { _ in SwiftLogNoOpLogHandler() }))
    var services = ServiceGroupConfiguration(services: [application], logger: application.logger)
    services.maximumGracefulShutdownDuration = .seconds(5)
    let group = ServiceGroup(configuration: services)
    self.group = group
    running = Task {
      defer { continuation.finish() }
      try await group.run()
    }
    guard let port = await ports.first(where: { _ in true }) else {
      try await running.value
      throw CancellationError()
    }
    self.port = port
    url = "\(certificate == nil ? "http" : "https")://127.0.0.1:\(port)"
  }

  deinit { Task { [group] in await group.triggerGracefulShutdown() } }

  /// Ends the server once the requests under way are answered, at most 5 s later.
  ///
  /// Cancelling at once is no option: NIO stops the process if a connection was accepted but not yet taken up.
  public func stop() async {
    await group.triggerGracefulShutdown()
    _ = await running.result
  }

  private static func respond(
    to request: Hummingbird.Request, in context: ConnectionContext, _ handler: Handler
  ) async throws -> Response {
    let body = try await request.body.collect(upTo: 64 << 20)
    let answer = await handler(
      Request(
        method: request.method.rawValue, path: request.uri.path, query: request.uri.query,
        headers: request.headers.map { ($0.name.canonicalName, $0.value) } + (host(of: request)),
        body: Array(body.readableBytesView), connection: "\(ObjectIdentifier(context.channel))"))
    switch answer {
    case .response(let status, let headers, let body):
      var fields = HTTPFields()
      for (name, value) in headers {
        if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value)) }
      }
      return Response(
        status: .init(code: status), headers: fields, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    case .chunks(let chunks):
      return Response(status: .ok, body: ResponseBody(contentsOf: chunks.map { ByteBuffer(bytes: $0) }))
    case .drop:
      try await context.channel.close()
      throw CancellationError()
    }
  }

  private static func host(of request: Hummingbird.Request) -> [(name: String, value: String)] {
    request.head.authority.map { [("host", $0)] } ?? []
  }
}

private struct ConnectionContext: InitializableFromSource {
  let channel: any Channel

  init(source: ApplicationRequestContextSource) { channel = source.channel }
}

extension LoopbackHTTPServer.Certificate {
  fileprivate var configuration: TLSConfiguration {
    get throws {
      .makeServerConfiguration(
        certificateChain: try NIOSSLCertificate.fromPEMFile(chainFile).map { .certificate($0) },
        privateKey: .privateKey(try NIOSSLPrivateKey(file: keyFile, format: .pem)))
    }
  }
}
