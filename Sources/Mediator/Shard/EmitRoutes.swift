import Values
import Wire

/// Which topic an emitted event goes to.
public struct EmitRoutes: Sendable, Hashable {
  public struct Route: Sendable, Hashable {
    /// The event's type and source; nil agrees with all. A `*` at the end stands for any rest.
    public var type: String?
    public var source: String?
    public var topic: String

    public init(type: String?, source: String?, topic: String) {
      self.type = type
      self.source = source
      self.topic = topic
    }
  }

  public var routes: [Route]
  /// Where everything goes that no route names.
  public var otherwise: String

  public init(_ routes: [Route] = [], otherwise: String = Topics.queue) {
    self.routes = routes
    self.otherwise = otherwise
  }

  /// Of the first route that agrees.
  public func topic(type: String, source: String) -> String {
    let route = routes.first { route in
      route.type.map { Self.agrees($0, type) } ?? true && route.source.map { Self.agrees($0, source) } ?? true
    }
    return route?.topic ?? otherwise
  }

  public var topics: Set<String> { Set(routes.map(\.topic) + [otherwise]) }

  private static func agrees(_ pattern: String, _ text: String) -> Bool {
    pattern.hasSuffix("*") ? text.hasPrefix(pattern.dropLast()) : text == pattern
  }
}
