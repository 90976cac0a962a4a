import Foundation
import TestSupport

/// A certificate made by the `openssl` command, removed with the object.
final class SelfSignedCertificate: Sendable {
  struct Failure: Error { let status: Int32 }

  let files: LoopbackHTTPServer.Certificate
  private let directory: URL

  /// - Parameter names: subject alternative names as openssl writes them, `DNS:…,IP:…`.
  init(names: String) async throws {
    directory = FileManager.default.temporaryDirectory.appendingPathComponent("certificate-\(UUID())")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    let chain = directory.appendingPathComponent("chain.pem").path
    let key = directory.appendingPathComponent("key.pem").path
    files = LoopbackHTTPServer.Certificate(chainFile: chain, keyFile: key)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
      "-subj", "/CN=test", "-addext", "subjectAltName=\(names)", "-keyout", key, "-out", chain,
    ]
    process.standardError = FileHandle.nullDevice
    let status = try await withCheckedThrowingContinuation { continuation in
      process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
      do { try process.run() } catch { continuation.resume(throwing: error) }
    }
    guard status == 0 else { throw Failure(status: status) }
  }

  deinit { try? FileManager.default.removeItem(at: directory) }
}
