import Kafka
import Values

/// What led to what, across topics and instances. Pure; of records only the headers are known.
public struct Trace: Sendable, Hashable {
  /// A record with what its headers say.
  public struct Record: Sendable, Hashable {
    public let topic: String
    public let partition: Int32
    public let offset: Int64
    public let at: Timestamp
    public let key: [UInt8]?
    public let id: String?
    public let source: String?
    public let type: String?
    public let causationID: String?
    public let correlationID: String?
    /// Of a dead letter: the record that it was.
    public let deadLetterOf: String?

    public init(_ record: KafkaRecord) {
      topic = record.topic
      partition = record.partition
      offset = record.offset
      at = Timestamp(microseconds: record.timestamp * 1_000)
      key = record.key
      id = record.headerText("ce_id")
      source = record.headerText("ce_source")
      type = record.headerText("ce_type")
      causationID = record.headerText("ce_causationid")
      correlationID = record.headerText("ce_correlationid")
      if let topic = record.headerText("dl_topic"), let partition = record.headerText("dl_partition"),
        let offset = record.headerText("dl_offset")
      {
        deadLetterOf = "\(topic)/\(partition)/\(offset)"
      } else {
        deadLetterOf = nil
      }
    }

    /// `topic/partition/offset`: the place that names it.
    public var place: String { "\(topic)/\(partition)/\(offset)" }
  }

  public struct Instance: Sendable, Hashable {
    public let summary: InstanceSummary
    public let parent: UUIDValue?
    /// `ce_id` of its processing events, with their channels and task references, in order.
    public let requests: [Request]
    /// Ids of the events that it emitted, with their types.
    public let emitted: [Emitted]

    public struct Request: Sendable, Hashable {
      public let id: String
      public let channel: String
      public let reference: String
      public let at: Timestamp
    }

    public struct Emitted: Sendable, Hashable {
      public let id: String
      public let source: String
      public let type: String
      public let at: Timestamp
    }
  }

  public indirect enum Node: Sendable, Hashable {
    case record(Record, readBy: [String], [Node])
    case instance(Instance, [Node])
    /// A processing event or an emitted event whose record was not found within the bounds.
    case unseen(id: String, what: String, at: Timestamp, [Node])
  }

  public let roots: [Node]

  /// - Parameter readers: the groups that have read the record at a place.
  public init(instances: [Instance], records: [Record], readers: [String: [String]] = [:]) {
    var builder = Builder(instances: instances, records: records, readers: readers)
    roots = builder.roots()
  }

  private struct Builder {
    let instances: [Instance]
    let records: [Record]
    let readers: [String: [String]]
    /// Each is told once: what leads back to itself must not go on for ever.
    var seen: Set<String> = []

    init(instances: [Instance], records: [Record], readers: [String: [String]]) {
      self.instances = instances.sorted {
        ($0.summary.startedAt, $0.summary.id) < ($1.summary.startedAt, $1.summary.id)
      }
      self.records = records.sorted { ($0.at, $0.place) < ($1.at, $1.place) }
      self.readers = readers
    }

    mutating func roots() -> [Node] {
      let requests = Set(instances.flatMap { $0.requests.map(\.id) } + instances.flatMap { $0.emitted.map(\.id) })
      let ids = Set(records.compactMap(\.id)).union(requests)
      let places = Set(records.map(\.place))
      var roots: [Node] = []
      for record in records where !seen.contains(record.place) {
        let isCaused =
          record.causationID.map { cause in cause != record.id && (ids.contains(cause) || isInstance(cause)) } ?? false
          || record.deadLetterOf.map(places.contains) ?? false || record.id.map(requests.contains) ?? false
        if !isCaused { roots += node(record).map { [$0] } ?? [] }
      }
      // Instances whose event was not found, and what is left in circles.
      for instance in instances { roots += node(instance).map { [$0] } ?? [] }
      for record in records { roots += node(record).map { [$0] } ?? [] }
      return roots
    }

    private func isInstance(_ id: String) -> Bool { instances.contains { $0.summary.id.text == id } }

    private mutating func node(_ record: Record) -> Node? {
      guard seen.insert(record.place).inserted else { return nil }
      return .record(record, readBy: readers[record.place] ?? [], effects(of: record))
    }

    private mutating func effects(of record: Record) -> [Node] {
      var nodes: [Node] = []
      for letter in records where letter.deadLetterOf == record.place { nodes += node(letter).map { [$0] } ?? [] }
      guard let id = record.id else { return nodes }
      return nodes + effects(ofEvent: id, source: record.source)
    }

    private mutating func effects(ofEvent id: String, source: String?) -> [Node] {
      var nodes: [Node] = []
      for instance in instances where instance.summary.eventID == id && instance.summary.eventSource == source {
        nodes += node(instance).map { [$0] } ?? []
      }
      for other in records where other.causationID == id && other.id != id { nodes += node(other).map { [$0] } ?? [] }
      return nodes
    }

    private mutating func node(_ instance: Instance) -> Node? {
      guard seen.insert(instance.summary.id.text).inserted else { return nil }
      var nodes: [(at: Timestamp, node: Node)] = []
      for request in instance.requests {
        nodes.append(
          (request.at, sent(request.id, "\(request.channel).requested \(request.reference)", nil, request.at)))
      }
      for emitted in instance.emitted {
        nodes.append((emitted.at, sent(emitted.id, emitted.type, emitted.source, emitted.at)))
      }
      for child in instances where child.parent == instance.summary.id {
        if let node = node(child) { nodes.append((child.summary.startedAt, node)) }
      }
      return .instance(
        instance,
        nodes.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }.map(\.element.node))
    }

    private mutating func sent(_ id: String, _ what: String, _ source: String?, _ at: Timestamp) -> Node {
      let found = records.first { $0.id == id && !seen.contains($0.place) && $0.deadLetterOf == nil }
      if let found, let node = node(found) { return node }
      return .unseen(id: id, what: what, at: at, effects(ofEvent: id, source: source))
    }
  }
}
