import Values

/// Which events are meant: every attribute named under `with` has to agree, and every correlation. Source: "Event
/// Filter".
///
/// A literal agrees when it equals the attribute. An expression is evaluated on the attribute's value (on the data for
/// `data`, as the standard's examples do) and agrees when it gives `true`, or gives a value other than a boolean that
/// equals the attribute.
public struct EventFilter: Sendable {
  public struct Attribute: Sendable {
    public let name: String
    public let test: Test
  }

  public enum Test: Sendable {
    case equals(JSON)
    case expression(Expression)
  }

  /// Source: "Correlation".
  public struct Correlation: Sendable {
    public let name: String
    /// Evaluated on the event in its CloudEvents JSON form.
    public let from: Expression
    /// What it has to give; nil: what the first event gave.
    public let expect: Template?
  }

  /// In the order of the file, literals first: they are cheaper to test.
  public let attributes: [Attribute]

  /// By name.
  public let correlations: [Correlation]

  /// The `type` when it is a literal: what a list of filters can be indexed by.
  public let type: String?

  init(attributes: [Attribute], correlations: [Correlation] = []) {
    let literals = attributes.filter { if case .equals = $0.test { true } else { false } }
    let expressions = attributes.filter { if case .expression = $0.test { true } else { false } }
    self.attributes = literals + expressions
    self.correlations = correlations.sorted { $0.name < $1.name }
    var type: String?
    for attribute in literals where attribute.name == "type" {
      if case .equals(.string(let text)) = attribute.test { type = text }
    }
    self.type = type
  }

  /// Whether the attributes agree; correlations are not looked at.
  ///
  /// - Parameter event: the CloudEvents JSON form: an object with the attributes and `data`.
  public func matches(_ event: JSON, variables: (String) -> JSON? = { _ in nil }) throws(ExpressionError) -> Bool {
    for attribute in attributes {
      let value = event[attribute.name] ?? .null
      switch attribute.test {
      case .equals(let expected):
        if !value.hasSameValue(as: expected) { return false }
      case .expression(let expression):
        switch try expression.evaluate(value, variables: variables) {
        case .bool(let agrees): if !agrees { return false }
        case let result: if !result.hasSameValue(as: value) { return false }
        }
      }
    }
    return true
  }

  /// Whether every literal attribute agrees: what can be told of an event without an instance.
  public func mayMatch(_ event: JSON) -> Bool {
    attributes.allSatisfy { attribute in
      guard case .equals(let expected) = attribute.test else { return true }
      return (event[attribute.name] ?? .null).hasSameValue(as: expected)
    }
  }
}

/// Which events start or continue an instance. Source: "Event Consumption Strategy".
public enum EventConsumption: Sendable {
  case one(EventFilter)
  /// Without a filter, every event is meant.
  case any([EventFilter], until: Until?)
  case all([EventFilter])

  public indirect enum Until: Sendable {
    /// Evaluated on the array of what was consumed so far.
    case condition(Expression)
    /// Events that end it, and are not part of what was consumed.
    case events(EventConsumption)
  }

  /// The filters in the order of the file, without those of `until`.
  public var filters: [EventFilter] {
    switch self {
    case .one(let filter): [filter]
    case .any(let filters, _), .all(let filters): filters
    }
  }

  /// `any` without a filter: every event is meant.
  public var isEveryEvent: Bool { if case .any(let filters, _) = self { filters.isEmpty } else { false } }

  /// Whether each filter has to have an event of its own.
  public var takesAll: Bool { if case .all = self { true } else { false } }

  public var until: Until? { if case .any(_, let until) = self { until } else { nil } }

  /// The filters and those of `until`: everything that an instance listens to.
  public var allFilters: [EventFilter] {
    guard case .events(let consumption)? = until else { return filters }
    return filters + consumption.allFilters
  }
}

/// An event to publish. Source: "Emit".
public struct Emission: Sendable {
  /// The attributes and `data`; `id`, `time` and `source` get values where the file gives none.
  public let attributes: Template
}

/// Events to wait for. Source: "Listen".
public struct Listen: Sendable {
  public enum Reading: String, Sendable, Hashable {
    /// The event's data.
    case data
    /// The event in its CloudEvents JSON form.
    case envelope
    /// The event's data as it came, without being read: JSON as text.
    case raw
  }

  public let to: EventConsumption
  public let read: Reading
  public let iterator: SubscriptionIterator?
}

/// What is done with every event that is consumed. Source: "Subscription Iterator".
public struct SubscriptionIterator: Sendable {
  public let item: String
  public let at: String
  public let tasks: TaskScope?
  public let output: OutputTransform?
  public let export: ExportTransform?
}
