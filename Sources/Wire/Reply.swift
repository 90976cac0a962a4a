import Kafka
import Values

/// What a processor says about one processing event.
public struct Reply: Sendable, Hashable {
  public enum Kind: Sendable, Hashable {
    /// `task.completed`: the task's output, any JSON.
    case completed(JSON)
    /// `task.failed`
    case failed(TaskFailure)
    /// `task.progress`: it is still being worked on.
    case progress(percent: Double?, message: String?)
  }

  /// The processing event's `id`.
  public var causationID: String
  /// The instance's id, copied from the processing event.
  public var correlationID: String
  public var kind: Kind
  /// Unique per reply. Empty where the processor gave none: nothing depends on it.
  public var id: String
  /// Who replies; empty where the processor did not say.
  public var source: String

  public init(causationID: String, correlationID: String, kind: Kind, id: String, source: String) {
    self.causationID = causationID
    self.correlationID = correlationID
    self.kind = kind
    self.id = id
    self.source = source
  }
}

/// Why an attempt failed, and what may be done about it.
public struct TaskFailure: Sendable, Hashable {
  public var problem: ProblemDetails
  /// Whether another attempt may succeed.
  public var retryable: Bool
  /// How long to wait before it.
  public var retryAfter: Duration?

  public init(problem: ProblemDetails, retryable: Bool = false, retryAfter: Duration? = nil) {
    self.problem = problem
    self.retryable = retryable
    self.retryAfter = retryAfter
  }
}

// MARK: - Records

extension Reply {
  /// - Parameters:
  ///   - topic: the processing event's `replyTopic`.
  ///   - partition: its `replyPartition`.
  public func encode(topic: String, partition: Int32, key: [UInt8]?) -> OutgoingRecord {
    var headers: [KafkaHeader] = [.specVersion]
    if !id.isEmpty { headers.append(KafkaHeader("ce_id", id)) }
    if !source.isEmpty { headers.append(KafkaHeader("ce_source", source)) }
    headers.append(KafkaHeader("ce_type", kind.type))
    headers.append(KafkaHeader("ce_causationid", causationID))
    headers.append(KafkaHeader("ce_correlationid", correlationID))
    headers.append(.jsonContent)
    return OutgoingRecord(
      topic: topic, partition: partition, key: key, value: kind.data.serialized(), headers: headers)
  }

  /// Reads a reply in binary mode, of which only `ce_causationid`, `ce_correlationid`, `ce_type` and a JSON value are
  /// needed, or in structured mode. No value at all is `null`.
  public static func decode(
    _ record: KafkaRecord, limits: DecodeLimits = DecodeLimits()
  ) throws(WireError) -> Reply {
    let value = record.value ?? []
    guard value.count <= limits.maxBytes else {
      throw WireError(.tooLarge, "the value has \(value.count) bytes, more than \(limits.maxBytes)")
    }
    let headers = Headers(record.headers)
    if case .cloudEvent = ContentType(try headers.text("content-type")) {
      return try Reply(CloudEventCodec.structured(value, limits))
    }
    if let version = try headers.text("ce_specversion") { try CloudEvent.checkVersion(version) }
    return Reply(
      causationID: try headers.required("ce_causationid"), correlationID: try headers.required("ce_correlationid"),
      kind: try Kind(
        type: try headers.required("ce_type"), data: value.isEmpty ? .null : try CloudEventCodec.parse(value, limits)),
      id: try headers.text("ce_id") ?? "", source: try headers.text("ce_source") ?? "")
  }

  /// To what a reply that ends its task is, by its headers alone: its value may not be readable.
  ///
  /// - Returns: nil in structured mode, and when the headers do not say it.
  public static func address(of record: KafkaRecord) -> (causationID: String, correlationID: String)? {
    let headers = Headers(record.headers)
    guard let type = try? headers.text("ce_type"), type == "task.completed" || type == "task.failed",
      let causation = try? headers.required("ce_causationid"),
      let correlation = try? headers.required("ce_correlationid")
    else { return nil }
    return (causation, correlation)
  }

  private init(_ event: CloudEvent) throws(WireError) {
    func required(_ name: String) throws(WireError) -> String {
      guard let value = event.extensions[name], !value.isEmpty else {
        throw WireError(.missingAttribute, "the attribute '\(name)' is missing")
      }
      return value
    }
    self.init(
      causationID: try required("causationid"), correlationID: try required("correlationid"),
      kind: try Kind(type: event.type, data: event.data ?? .null), id: event.id, source: event.source)
  }
}

extension Reply.Kind {
  var type: String {
    switch self {
    case .completed: "task.completed"
    case .failed: "task.failed"
    case .progress: "task.progress"
    }
  }

  var data: JSON {
    switch self {
    case .completed(let output): output
    case .failed(let failure): failure.json
    case .progress(let percent, let message):
      [
        "percent": percent.map { .number(JSONNumber($0)) } ?? .null,
        "message": message.map { .string($0) } ?? .null,
      ]
    }
  }

  init(type: String, data: JSON) throws(WireError) {
    switch type {
    case "task.completed": self = .completed(data)
    case "task.failed": self = .failed(TaskFailure(data))
    case "task.progress": self = .progress(percent: data["percent"]?.double, message: data["message"]?.string)
    default: throw WireError(.unsupported, "'\(type)' is no reply")
    }
  }
}

extension TaskFailure {
  /// Problem details with `retryable` and, where there is one, `retryAfter` as an ISO 8601 duration.
  public var json: JSON {
    var problem = problem
    problem.extensions["retryable"] = .bool(retryable)
    problem.extensions["retryAfter"] = retryAfter.map { .string(ISO8601Duration.format($0)) }
    return problem.json
  }

  /// Takes whatever a processor sends: a failure that is told badly is still a failure. What is no object becomes the
  /// detail; `retryAfter` may also be a number of seconds.
  init(_ json: JSON) {
    guard var problem = ProblemDetails(json) else {
      let detail: String? = json.isNull ? nil : json.string ?? json.text
      self.init(problem: ProblemDetails(type: "about:blank", status: 500, detail: detail))
      return
    }
    problem.extensions["retryable"] = nil
    problem.extensions["retryAfter"] = nil
    self.init(
      problem: problem, retryable: json["retryable"]?.bool ?? false,
      retryAfter: json["retryAfter"].flatMap(Self.duration))
  }

  private static func duration(_ json: JSON) -> Duration? {
    if let text = json.string { return ISO8601Duration.parse(text) }
    // Anything longer than a century is a mistake; so is anything below zero.
    guard let seconds = json.double, (0...3_200_000_000).contains(seconds) else { return nil }
    return .seconds(seconds)
  }
}
