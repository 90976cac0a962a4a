import Kafka
import Logging

/// Section `kafka`: `bootstrap.servers` (also `KAFKA_BOOTSTRAP_SERVERS`), `client.id`, `sasl.password` or
/// `sasl.passwordFile`, and any other property of librdkafka as it is.
public enum KafkaSettings {
  public static func read(_ settings: Settings, clientID: String) -> KafkaConfiguration {
    let section = settings.section("kafka")
    let servers = section.string("bootstrap.servers", environment: "KAFKA_BOOTSTRAP_SERVERS")
    if servers == nil {
      section.require("bootstrap.servers", "set it in the file or as KAFKA_BOOTSTRAP_SERVERS, host:port")
    }
    var configuration = read(section, settings, servers ?? "", clientID)
    // Services have several clients, and one line for all of them.
    configuration.logsReachability = false
    return configuration
  }

  /// Another cluster's settings, with the same keys.
  ///
  /// - Parameter defaultServers: nil: `bootstrap.servers` is needed.
  public static func read(
    _ section: SettingsSection, in settings: Settings, clientID: String, defaultServers: String?
  ) -> KafkaConfiguration {
    let servers = section.string("bootstrap.servers") ?? defaultServers
    if servers == nil { section.require("bootstrap.servers", "host:port, several separated by commas") }
    return read(section, settings, servers ?? "", clientID)
  }

  private static func read(
    _ section: SettingsSection, _ settings: Settings, _ servers: String, _ clientID: String
  ) -> KafkaConfiguration {
    let id = section.string("client.id", default: clientID)
    let password = section.secret("sasl.password")
    var properties = section.others()
    if let password { properties["sasl.password"] = password }
    for (name, value) in properties where isSecret(name) { settings.noteSecret(value) }
    return KafkaConfiguration(bootstrapServers: servers, properties: properties, clientID: id)
  }

  /// The properties that librdkafka's CONFIGURATION.md describes as passwords, keys and tokens.
  private static func isSecret(_ name: String) -> Bool {
    name.hasSuffix("password") || name.hasSuffix("secret") || name == "ssl.key.pem" || name == "sasl.oauthbearer.config"
  }
}

/// Section `database`.
public struct DatabaseSettings: Sendable {
  /// `postgres://…` or libpq's keywords; holds the password.
  public var url: String

  /// `url` (also `DATABASE_URL`) or `urlFile`.
  public static func read(_ settings: Settings) -> DatabaseSettings {
    let section = settings.section("database")
    let url = section.secret("url", environment: "DATABASE_URL")
    if url == nil {
      section.require("url", "set it in the file or as DATABASE_URL, postgres://user:password@host:port/database")
    }
    if let password = url.flatMap(password) { settings.noteSecret(password) }
    return DatabaseSettings(url: url ?? "")
  }

  /// The password part of a URL as written, or of a list of keywords.
  private static func password(in url: String) -> String? {
    if let keyword = url.firstRange(of: "password=") {
      return String(url[keyword.upperBound...].prefix { $0 != " " && $0 != "&" })
    }
    guard let scheme = url.firstRange(of: "://") else { return nil }
    let authority = url[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" }
    guard let at = authority.lastIndex(of: "@"), let colon = authority[..<at].firstIndex(of: ":") else { return nil }
    return String(authority[authority.index(after: colon)..<at])
  }
}

/// Section `health`.
public struct HealthSettings: Sendable, Hashable {
  public var host: String
  /// Nil: no server.
  public var port: Int?

  public init(host: String = "127.0.0.1", port: Int? = nil) {
    self.host = host
    self.port = port
  }

  /// `host`, and `port`, where 0 (the default) means no server.
  public static func read(_ settings: Settings) -> HealthSettings {
    let section = settings.section("health")
    let port = section.integer("port", default: 0, in: 0...65535)
    return HealthSettings(host: section.string("host", default: "127.0.0.1"), port: port == 0 ? nil : port)
  }
}

/// Section `log`.
public struct LogSettings: Sendable, Hashable {
  public enum Format: String, Sendable, CaseIterable { case text, json }

  public var level: Logger.Level
  public var format: Format

  public init(level: Logger.Level = .info, format: Format = .text) {
    self.level = level
    self.format = format
  }

  /// `level` (trace, debug, info, notice, warning, error, critical) and `format` (text, json).
  public static func read(_ settings: Settings) -> LogSettings {
    let section = settings.section("log")
    return LogSettings(
      level: section.choice("level", default: Logger.Level.info),
      format: section.choice("format", default: Format.text))
  }
}
