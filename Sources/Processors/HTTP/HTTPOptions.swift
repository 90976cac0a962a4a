import HTTP
import HTTPCalls
import Hosting

public struct HTTPOptions: Sendable {
  public var calls: HTTPCallOptions
  /// PEM file of the authorities to trust instead of the system's.
  public var authoritiesFile: String?

  public init(calls: HTTPCallOptions = HTTPCallOptions(), authoritiesFile: String? = nil) {
    self.calls = calls
    self.authoritiesFile = authoritiesFile
  }
}

extension HTTPOptions {
  /// Reads `processors.http`.
  init(_ section: SettingsSection) {
    self.init(documents: section)
    calls.maxResponseBytes = section.integer(
      "maxResponseBytes", default: calls.maxResponseBytes, in: 1...(64 << 20))
    calls.sendsIdempotencyKey = section.bool("idempotencyKey", default: calls.sendsIdempotencyKey)
  }

  /// Reads what fetching a document needs.
  init(documents section: SettingsSection) {
    self.init()
    calls.allowSetting = "\(section.path).allow"
    let patterns = (section.strings("allow") ?? []).map { ($0, HostPattern($0)) }
    for case (let text, nil) in patterns {
      section.report("allow", "has '\(text)', which is neither a host, *.domain, an address nor a block of addresses")
    }
    calls.rules = AddressRules(patterns.compactMap(\.1))
    calls.timeout = section.duration("timeout", default: calls.timeout, in: Self.times)
    calls.connectTimeout = section.duration("connectTimeout", default: calls.connectTimeout, in: Self.times)
    calls.documentLifetime = section.duration(
      "documentLifetime", default: calls.documentLifetime, in: .seconds(1)...(.seconds(86_400)))
    authoritiesFile = section.path("authoritiesFile")
  }

  private static let times: ClosedRange<Duration> = .milliseconds(100)...(.seconds(600))

  /// - Throws: `configuration`.
  func client() throws(ProcessorError) -> HTTPClient {
    var configuration = HTTPClient.Configuration()
    configuration.authoritiesFile = authoritiesFile
    do throws(HTTPError) {
      return try HTTPClient(configuration)
    } catch {
      throw ProcessorError(.configuration, "\(error)")
    }
  }
}
