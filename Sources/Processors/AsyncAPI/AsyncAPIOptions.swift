import HTTPCalls
import Hosting
import Kafka

/// What `call: asyncapi` may read, and where it may write to.
public struct AsyncAPIOptions: Sendable {
  /// For the documents.
  public var http: HTTPOptions
  public var clusters: ClusterRules
  public var topics: TopicRules
  /// How long an acknowledgement is waited for.
  public var timeout: Duration

  public init(
    http: HTTPOptions = HTTPOptions(), clusters: ClusterRules = ClusterRules(), topics: TopicRules = TopicRules(),
    timeout: Duration = .seconds(30)
  ) {
    self.http = http
    self.clusters = clusters
    self.topics = topics
    self.timeout = timeout
  }
}

extension AsyncAPIOptions {
  /// Reads `processors.asyncapi`.
  init(_ section: SettingsSection, _ settings: Settings) {
    self.init(http: HTTPOptions(documents: section))
    timeout = http.calls.timeout
    topics = TopicRules(section.strings("topics"))
    for (name, server) in section.map("servers") {
      // The name may be the address itself.
      let address = name.contains(":") ? name : nil
      clusters.named[name] = KafkaSettings.read(
        server, in: settings, clientID: "processor-asyncapi", defaultServers: address)
    }
  }
}

/// Which clusters may be written to: never is it the document that says where a connection is made to.
public struct ClusterRules: Sendable, Hashable {
  /// By the name of the document's server, or by its host. Empty: only the processor's own cluster.
  public var named: [String: KafkaConfiguration]

  public init(_ named: [String: KafkaConfiguration] = [:]) { self.named = named }

  public struct Cluster: Sendable, Hashable {
    /// Nil: the processor's own.
    public let name: String?
    public let configuration: KafkaConfiguration
  }

  /// - Parameter own: the processor's own cluster.
  /// - Returns: nil where nobody has allowed it.
  public func cluster(for server: AsyncAPIServer, own: KafkaConfiguration) -> Cluster? {
    guard named.isEmpty else {
      // By its host first: a name is quickly given.
      for name in [server.host, server.name] {
        if let configuration = named[name] { return Cluster(name: name, configuration: configuration) }
      }
      return nil
    }
    let wanted = Self.brokers(server.host)
    let isOwn = !wanted.isEmpty && wanted.isSubset(of: Self.brokers(own.bootstrapServers))
    return isOwn ? Cluster(name: nil, configuration: own) : nil
  }

  /// Each with its port.
  private static func brokers(_ servers: String) -> Set<String> {
    Set(
      servers.split(separator: ",").map { text in
        let host = text.drop { $0 == " " }.prefix { $0 != " " }.lowercased()
        let hasPort = host.hasPrefix("[") ? host.contains("]:") : host.contains(":")
        return hasPort ? host : "\(host):9092"
      })
  }
}

/// Which topics may be written to.
///
/// Each pattern is a name in which `*` stands for any text. The mediator's own topics and Kafka's need a pattern that
/// names their prefix: a message made up there would be taken for a reply, or for a command to a processor.
public struct TopicRules: Sendable, Hashable {
  private let patterns: [String]
  private static let reserved = ["mediator.", "__"]

  /// - Parameter patterns: nil: every topic.
  public init(_ patterns: [String]? = nil) { self.patterns = patterns ?? ["*"] }

  public func admits(_ topic: String) -> Bool {
    let prefix = Self.reserved.first { topic.hasPrefix($0) } ?? ""
    return patterns.contains { $0.hasPrefix(prefix) && Self.agrees($0, topic) }
  }

  private static func agrees(_ pattern: String, _ topic: String) -> Bool {
    let parts = pattern.split(separator: "*", omittingEmptySubsequences: false)
    guard parts.count > 1, let first = parts.first, let last = parts.last else { return pattern == topic }
    guard topic.count >= first.count + last.count, topic.hasPrefix(first), topic.hasSuffix(last) else { return false }
    var rest = topic.dropFirst(first.count).dropLast(last.count)
    for part in parts.dropFirst().dropLast() where !part.isEmpty {
      guard let range = rest.firstRange(of: part) else { return false }
      rest = rest[range.upperBound...]
    }
    return true
  }
}
