import Engine
import Kafka
import Testing
import Values
import Wire
import Workflow

@testable import Mediator

let start = Timestamp(microseconds: 1_700_000_000_000_000)

/// A definition given as what stands below `document`, or a failed test.
func definition(
  _ body: String, name: String = "example", version: String = "1.0.0",
  sourceLocation: Testing.SourceLocation = #_sourceLocation
) throws -> WorkflowDefinition {
  let text = "document: {dsl: 1.0.3, namespace: tests, name: \(name), version: \(version)}\n" + body
  let result = WorkflowParser.parse(text, file: "\(name).yaml")
  return try #require(result.definition, "\(result.diagnostics)", sourceLocation: sourceLocation)
}

func entry(
  _ number: Int32, _ body: String, name: String = "example", version: String = "1.0.0",
  options: EngineOptions = EngineOptions()
) throws -> DefinitionCatalog.Entry {
  let definition = try definition(body, name: name, version: version)
  return DefinitionCatalog.Entry(number: number, engine: Engine(definition: definition, options: options))
}

/// Started by events of the type `go`; one call.
let oneCall = """
  schedule: {on: {one: {with: {type: go}}}}
  do:
    - ask: {call: oracle, with: {question: "${ .[0].data }"}}
  """

/// Started by events of the type `go`; ends in the step that starts it.
let noCall = """
  schedule: {on: {one: {with: {type: go}}}}
  do:
    - answer: {set: {answer: 42}}
  """

func event(
  _ id: String = "1", type: String = "go", partition: Int32 = 0, offset: Int64 = 0, key: String? = "k",
  value: String = "{}"
) -> KafkaRecord {
  let headers = [
    ("ce_specversion", "1.0"), ("ce_id", id), ("ce_source", "/tests"), ("ce_type", type),
    ("content-type", "application/json"),
  ]
  return KafkaRecord(
    topic: Topics.queue, partition: partition, offset: offset, timestamp: 1000 + offset,
    key: key.map { Array($0.utf8) },
    value: Array(value.utf8), headers: headers.map { KafkaHeader(name: $0.0, value: Array($0.1.utf8)) })
}

func reply(
  _ kind: Reply.Kind, to requestID: String, of instance: String, partition: Int32 = 0, offset: Int64 = 0
) -> KafkaRecord {
  let reply = Reply(causationID: requestID, correlationID: instance, kind: kind, id: "", source: "")
  let record = reply.encode(topic: Topics.replies, partition: partition, key: nil)
  return KafkaRecord(
    topic: record.topic, partition: partition, offset: offset, key: record.key, value: record.value,
    headers: record.headers)
}

func decoder(
  _ catalog: DefinitionCatalog, queues: [String: EventBinding?] = [Topics.queue: nil],
  limits: DecodeLimits = DecodeLimits()
) -> InputDecoder {
  InputDecoder(catalog: catalog, queues: queues, repliesTopic: Topics.replies, limits: limits, shard: 0, shards: 4)
}

let firstTakeover = ShardTakeover(shard: 0, epoch: 7, batch: 20, journalHead: 100, publishMark: 90)

/// One shard's turns, planned one after the other, with what the store would hold between them.
struct Turns {
  var catalog: DefinitionCatalog
  var stored: [UUIDValue: StoredInstance] = [:]
  var now = start
  var takeover = firstTakeover
  var head: Int64 = firstTakeover.journalHead
  var openOrderKeys: Set<String> = []
  var absent: Set<UUIDValue> = []
  var collected: [CollectedEvent] = []
  var limits = CallLimits()
  var load = ChannelLoad()

  init(_ entries: [DefinitionCatalog.Entry], retired: Set<Int32> = []) {
    catalog = DefinitionCatalog(entries, retired: retired)
  }

  /// Plans the records as one batch and keeps what it would write.
  mutating func turn(_ records: [KafkaRecord], _ others: (inout TurnPlan) -> Void = { _ in }) -> (TurnPlan, ShardBatch)
  {
    var plan = TurnPlan(
      takeover: takeover, number: 21, journalHead: head, publishMark: 90, catalog: catalog,
      known: TurnPlan.Known(
        instances: stored, absent: absent, openOrderKeys: openOrderKeys,
        collections: Dictionary(grouping: collected, by: \.collection)), now: now)
    plan.limit(by: limits, load)
    let decoder = decoder(catalog)
    for record in records { plan.add(decoder.decode(record), from: record, keepingEvents: .seconds(60)) }
    others(&plan)
    let batch = plan.finish()
    for instance in batch.started + batch.updated { stored[instance.id] = instance }
    head = batch.journalHead
    load = plan.load
    collected = collected.filter { !batch.uncollected.contains($0) } + batch.collected
    return (plan, batch)
  }
}

/// SplitMix64: the same on every machine, so that a failing seed repeats.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
