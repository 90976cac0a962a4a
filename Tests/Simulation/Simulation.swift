import Engine
import Kafka
import Mediator
import Synchronization
import Values
import Wire
import Workflow

/// The production batch loop on simulated Kafka and Postgres, driven by one seed: which worker takes a turn, what is
/// acknowledged, who dies where, how time passes.
struct Simulation {
  typealias Worker = ShardWorker<SimulatedSource, SimulatedPublisher, SimulatedStore>

  static let shards = 3

  private let kafka = SimulatedKafka()
  private let database = SimulatedDatabase()
  private let clock = SimulatedClock()
  private let faults: Faults
  private let catalog: FixedCatalog
  private var random: SeededGenerator
  private var workers: [Int32: (worker: Worker, publisher: Int)] = [:]
  /// Former owners that do not know it yet.
  private var zombies: [(worker: Worker, publisher: Int)] = []
  private var producers = 0
  private var processors: [SimulatedProcessor]
  private var accepted: Set<String> = []
  private var garbage = 0
  private(set) var crashes = 0
  private(set) var takeovers = 0

  init(seed: UInt64, definition: WorkflowDefinition) {
    random = SeededGenerator(seed: seed)
    faults = Faults(seed: seed &+ 1, probability: 0.06)
    catalog = FixedCatalog(definition)
    kafka.createTopic(Topics.queue, partitions: 5)
    kafka.createTopic(Topics.replies, partitions: Self.shards)
    kafka.createTopic(Topics.deadLetters, partitions: 1)
    for channel in definition.channels { kafka.createTopic(Topics.channel(channel), partitions: 2) }
    processors = definition.channels.sorted().map { [kafka] in SimulatedProcessor(kafka: kafka, channel: $0) }
  }

  struct Outcome {
    var problems: [String]
    var crashes: Int
    var takeovers: Int
    var fencedCommits: Int
    var instances: Int
  }

  mutating func run(events: Int) async -> Outcome {
    var produced = 0
    var steps = 0
    // First with faults, then without any, until nothing moves.
    while produced < events || steps < events * 12 {
      steps += 1
      if produced < events, random.chance(0.4) {
        produce(produced)
        produced += 1
      }
      await step(faulty: true)
    }
    faults.stop()
    await settle()
    return Outcome(
      problems: problems(), crashes: crashes, takeovers: takeovers,
      fencedCommits: database.read { $0.fencedCommits }, instances: database.read { $0.instances.count })
  }

  // MARK: The world

  private mutating func produce(_ number: Int) {
    let kind = random.below(20)
    if kind == 0 {
      garbage += 1
      let value: [UInt8] = random.chance(0.5) ? Array("{not json".utf8) : [0xff, 0xfe]
      kafka.write(
        OutgoingRecord(topic: Topics.queue, partition: nil, key: [1], value: value, headers: []), at: clock.now())
      return
    }
    let id = "event-\(number)"
    accepted.insert(id)
    let machine = "machine-\(random.below(4))"
    let headers = [
      ("ce_specversion", "1.0"), ("ce_id", id), ("ce_source", "/simulation"), ("ce_type", "sim.event"),
      ("content-type", "application/json"),
    ]
    // A duplicate may have another key, and so land on another shard.
    for copy in 0..<(kind < 3 ? 2 : 1) {
      let key = copy == 1 && random.chance(0.5) ? "elsewhere" : machine
      kafka.write(
        OutgoingRecord(
          topic: Topics.queue, partition: nil, key: Array(key.utf8),
          value: (["n": .number(JSONNumber(number))] as JSON).serialized(),
          headers: headers.map { KafkaHeader(name: $0.0, value: Array($0.1.utf8)) }), at: clock.now())
    }
  }

  private mutating func step(faulty: Bool) async {
    switch random.below(10) {
    case 0...4: await turn(Int32(random.below(Self.shards)))
    case 5...6:
      let index = random.below(processors.count)
      processors[index].turn(&random, at: clock.now(), faulty: faulty)
    case 7: land(faulty: faulty)
    case 8: clock.advance(by: .milliseconds(random.below(700)))
    default: if faulty { await disturb() }
    }
  }

  private mutating func land(faulty: Bool) {
    guard producers > 0 else { return }
    let acknowledge = !(faulty && random.chance(0.03))
    kafka.land(producer: 1 + random.below(producers), at: clock.now(), acknowledge: acknowledge)
  }

  private mutating func disturb() async {
    let shard = Int32(random.below(Self.shards))
    switch random.below(4) {
    case 0: die(shard)
    case 1:
      // The lease runs out while the owner is asleep: another takes over, and the owner wakes up later.
      if let former = workers.removeValue(forKey: shard) { zombies.append(former) }
    default:
      guard !zombies.isEmpty else { return }
      let zombie = zombies.remove(at: random.below(zombies.count))
      if (try? await zombie.worker.turn()) != nil, random.chance(0.5) { zombies.append(zombie) }
    }
  }

  private mutating func turn(_ shard: Int32) async {
    do {
      if workers[shard] == nil { try await takeOver(shard) }
      try await workers[shard]?.worker.turn()
    } catch {
      die(shard)
    }
  }

  private mutating func die(_ shard: Int32) {
    guard let worker = workers.removeValue(forKey: shard) else { return }
    crashes += 1
    let flying = kafka.flyingRecords(of: worker.publisher)
    kafka.crash(producer: worker.publisher, arrived: random.below(flying + 1), at: clock.now())
  }

  private mutating func takeOver(_ shard: Int32) async throws {
    takeovers += 1
    producers += 1
    let takeover = database.takeOver(shard)
    let stored = database.read { $0.positions }
    var positions: [TopicPartition: Int64] = [:]
    var partitions = [TopicPartition(topic: Topics.replies, partition: shard)]
    for partition in 0..<kafka.partitions(of: Topics.queue) where partition % Self.shards == Int(shard) {
      partitions.append(TopicPartition(topic: Topics.queue, partition: Int32(partition)))
    }
    for partition in partitions { positions[partition] = stored[partition]?.next ?? 0 }
    let publisher = SimulatedPublisher(kafka: kafka, id: producers)
    let worker = Worker(
      takeover: takeover, options: ShardOptions(cacheCapacity: 6),
      source: SimulatedSource(kafka: kafka, positions: positions, seed: random.next()), publisher: publisher,
      store: SimulatedStore(database: database, takeover: takeover, faults: faults), catalogs: catalog, clock: clock)
    workers[shard] = (worker, publisher.id)
    try await worker.republish()
  }

  /// Without faults everything has to come to its end.
  private mutating func settle() async {
    var quiet = 0
    while quiet < 40 {
      let before = progress
      for shard in 0..<Int32(Self.shards) { await turn(shard) }
      while kafka.hasFlights {
        for producer in 1...producers { kafka.land(producer: producer, at: clock.now(), acknowledge: true) }
      }
      for index in processors.indices {
        for _ in 0..<4 { processors[index].turn(&random, at: clock.now(), faulty: false) }
      }
      clock.advance(by: .seconds(2))
      quiet = progress == before ? quiet + 1 : 0
    }
  }

  private var progress: [Int64] {
    database.read { tables in
      tables.shards.sorted { $0.key < $1.key }.flatMap { [$0.value.journalHead, $0.value.batch] }
    }
  }

  // MARK: What must hold at the end

  private func problems() -> [String] {
    var problems = database.read { $0.violations }
    let instances = database.read { Array($0.instances.values) }
    let started = Set(instances.map(\.eventID))
    if started != accepted || instances.count != accepted.count {
      problems.append("\(accepted.count) events were accepted, and \(instances.count) instances started")
    }
    for instance in instances where instance.state.status != .completed {
      problems.append("instance \(instance.id.text) is \(instance.state.status)")
    }
    for effects in processors.map(\.effects) {
      for (key, count) in effects where count != 1 { problems.append("task execution \(key) had \(count) effects") }
    }
    let executions = database.read { $0.journal.values.flatMap { $0 }.flatMap(\.requests).map(\.idempotencyKey) }
    let done = processors.reduce(0) { $0 + $1.effects.count }
    if Set(executions).count != done { problems.append("\(Set(executions).count) task executions, \(done) effects") }
    let letters = database.read { $0.deadLetters }
    if letters.count != garbage {
      problems.append("\(garbage) records were garbage, \(letters.count) are dead letters")
    }
    let published = Set(
      kafka.records(of: Topics.deadLetters).map { header("dl_offset", $0) + header("dl_partition", $0) })
    let known = Set(letters.map { "\($0.record.offset)\($0.record.partition)" })
    if published != known { problems.append("\(known.count) dead letters, \(published.count) of them published") }
    problems += brokenJournals()
    return problems
  }

  /// Each instance's journal starts once, ends once, and nothing follows the end.
  private func brokenJournals() -> [String] {
    var entries: [UUIDValue: [JournalEntry]] = [:]
    for row in database.read({ $0.journal.values.flatMap { $0 } }).sorted(by: { $0.sequence < $1.sequence }) {
      entries[row.instance, default: []] += row.entries
    }
    return entries.compactMap { id, entries in
      let starts = entries.count { $0 == .workflowStarted }
      let isEnd = { (entry: JournalEntry) in if case .workflowCompleted = entry { true } else { false } }
      guard starts == 1, entries.count(where: isEnd) == 1, let last = entries.last, isEnd(last) else {
        return "the journal of \(id.text) starts \(starts) times or does not end once"
      }
      return nil
    }
  }

  private func header(_ name: String, _ record: KafkaRecord) -> String {
    String(decoding: record.headers.first { $0.name == name }?.value ?? [], as: UTF8.self)
  }
}

final class SimulatedClock: MediatorClock {
  private let time = Mutex(Timestamp(microseconds: 1_700_000_000_000_000))
  func now() -> Timestamp { time.withLock { $0 } }
  func advance(by duration: Duration) { time.withLock { $0 = $0 + duration } }
}

struct FixedCatalog: CatalogProvider {
  private let catalog: DefinitionCatalog

  init(_ definition: WorkflowDefinition) {
    let options = EngineOptions(
      callTimeout: .seconds(100_000), retry: RetryPolicy(maxAttempts: 1000, initialDelay: .milliseconds(100)))
    catalog = DefinitionCatalog([
      DefinitionCatalog.Entry(number: 1, engine: Engine(definition: definition, options: options))
    ])
  }

  func current() async throws(MediatorError) -> DefinitionCatalog { catalog }
  func refreshed() async throws(MediatorError) -> DefinitionCatalog { catalog }
}
