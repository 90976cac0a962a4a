import Engine
import Kafka
import Mediator
import Synchronization
import Values
import Wire
import Workflow

/// The production batch loop on simulated Kafka and Postgres, driven by one seed: which worker goes on, where it stops,
/// what is acknowledged, who dies, how time passes.
struct Simulation<Story: Scenario> {
  let shards = 3

  let kafka = SimulatedKafka()
  let database: SimulatedDatabase
  let clock = SimulatedClock()
  private let chaos: Chaos
  private let deployments: Deployments
  private let catalogs: [ChangingCatalog]
  private let options: ShardOptions
  private var random: SeededGenerator
  private var workers: [Int32: SimulatedWorker] = [:]
  /// Former owners that do not know it yet.
  private var zombies: [SimulatedWorker] = []
  private var producers = 0
  private(set) var processors: [SimulatedProcessor]
  private(set) var events: Story
  /// The times without faults in which nothing leapt: from when until when.
  private(set) var calms: [(from: Timestamp, to: Timestamp)] = []
  /// Something went on and on though nothing went wrong.
  private(set) var isRestless = false
  private var deaths = 0
  private var takeovers = 0

  init(seed: UInt64, _ events: Story, definitions: [WorkflowDefinition], late: [WorkflowDefinition]) {
    self.events = events
    let tuning = Story.tuning
    random = SeededGenerator(seed: seed)
    chaos = Chaos(seed: seed &+ 1)
    let deployments = Deployments(definitions, late: late, callTimeout: tuning.callTimeout)
    self.deployments = deployments
    catalogs = (0..<tuning.processes).map { _ in ChangingCatalog(deployments) }
    database = SimulatedDatabase(kafka: kafka, publishesEveryRow: tuning.lifecycle != .off, deployments: deployments)
    // Limits so small that they are reached.
    var options = ShardOptions(
      timerInterval: .milliseconds(200), maxTimers: 1 + random.below(3), maxUnpublished: 2 + random.below(12),
      cacheCapacity: random.below(10), lease: .milliseconds(300))
    options.shards = tuning.shards
    options.eventRetention = tuning.eventRetention
    options.lifecycle = tuning.lifecycle
    self.options = options
    kafka.createTopic(Topics.queue, partitions: 5)
    kafka.createTopic(Topics.replies, partitions: shards)
    kafka.createTopic(Topics.deadLetters, partitions: 1)
    if tuning.lifecycle != .off { kafka.createTopic(Topics.lifecycle, partitions: 2) }
    let channels = (definitions + late).reduce(into: Set<String>()) { $0.formUnion($1.channels) }
    for channel in channels { kafka.createTopic(Topics.channel(channel), partitions: 2) }
    processors = channels.sorted().map { [kafka] in SimulatedProcessor(kafka: kafka, channel: $0) }
  }

  /// What happened, to be sure that enough did.
  struct Outcome {
    var problems: [String]
    var deaths: Int
    var takeovers: Int
    var parks: Int
    var fencedCommits: Int
    var conflicts: Int
    var outdated: Int
    var instances: Int
  }

  mutating func run(events count: Int) async -> Outcome {
    var steps = 0
    let deployment = random.below(count * 3)
    // First with faults, then without any, until nothing moves.
    while events.count < count || steps < count * 14 {
      defer { steps += 1 }
      if events.count < count, random.chance(0.4) { events.produce(to: kafka, &random, at: clock.now()) }
      events.goOn(kafka, &random, at: clock.now())
      if steps == deployment {
        deployments.deployLate()
        events.deployed()
      }
      await step()
    }
    chaos.stop()
    for zombie in zombies { _ = await zombie.advance() }
    events.finish(kafka, at: clock.now())
    await settle()
    // What is still open waits for the time.
    for wait in Story.tuning.waits {
      clock.advance(by: wait)
      await settle()
    }
    let tables = database.read { $0 }
    return Outcome(
      problems: Story.problems(of: self), deaths: deaths + chaos.crashes, takeovers: takeovers, parks: chaos.parks,
      fencedCommits: tables.fencedCommits, conflicts: tables.conflicts, outdated: tables.outdated,
      instances: tables.instances.count)
  }

  // MARK: The world

  private mutating func step() async {
    switch random.below(20) {
    case 0...9: await turn(Int32(random.below(shards)))
    case 10...12: processors[random.below(processors.count)].turn(&random, at: clock.now(), faulty: true)
    case 13...15: land()
    case 16: passTime()
    case 17: if random.chance(0.3) { forge() }
    default: await disturb()
    }
  }

  private mutating func passTime() {
    clock.advance(by: .milliseconds(random.below(900)))
    let leap = Int(Story.tuning.leap / .milliseconds(1))
    if leap > 0, random.chance(0.3) { clock.advance(by: .milliseconds(random.below(leap))) }
    if catalogs.count > 1, random.chance(0.2) { catalogs[random.below(catalogs.count)].look() }
  }

  private mutating func land() {
    guard let producer = kafka.flyingProducers.randomElement(using: &random) else { return }
    if random.chance(0.06) {
      kafka.fail(producer: producer, arrived: random.below(kafka.flyingRecords(of: producer) + 1), at: clock.now())
    } else {
      kafka.land(producer: producer, at: clock.now())
    }
  }

  /// A reply to something that was not asked, with a text that must never be seen again.
  private mutating func forge() {
    let known = database.read { $0.instances.values.filter { !$0.state.status.isTerminal }.map(\.id.text).sorted() }
    guard let instance = known.randomElement(using: &random) else { return }
    let requestID = "\(instance).\(1 + random.below(6)).\(5 + random.below(3))"
    kafka.write(
      SimulatedProcessor.reply(
        Topics.replies, Int32(random.below(shards)), type: "task.completed", causation: requestID,
        correlation: instance, ["is": "forged"]), at: clock.now())
  }

  private mutating func disturb() async {
    let shard = Int32(random.below(shards))
    switch random.below(4) {
    case 0: await die(shard)
    case 1:
      // The lease runs out while the owner is asleep: another takes over, and the owner wakes up later.
      if let former = workers.removeValue(forKey: shard) { zombies.append(former) }
    default:
      guard !zombies.isEmpty else { return }
      let zombie = zombies.remove(at: random.below(zombies.count))
      if case .ended(.some) = await zombie.advance() { return }
      if random.chance(0.7) { zombies.append(zombie) }
    }
  }

  // MARK: Workers

  private mutating func turn(_ shard: Int32) async {
    let worker = workers[shard] ?? takeOver(shard)
    workers[shard] = worker
    guard case .ended(.some) = await worker.advance() else { return }
    // It gives up; what its process had sent may still arrive.
    if random.chance(0.5) { await die(shard) } else { workers[shard] = nil }
  }

  /// The end of a process.
  private mutating func die(_ shard: Int32) async {
    guard let worker = workers.removeValue(forKey: shard) else { return }
    deaths += 1
    await worker.gate.kill()
    let flying = kafka.flyingRecords(of: worker.producer)
    kafka.crash(producer: worker.producer, arrived: random.below(flying + 1), at: clock.now())
  }

  private mutating func takeOver(_ shard: Int32) -> SimulatedWorker {
    takeovers += 1
    producers += 1
    let takeover = database.takeOver(shard)
    let stored = database.read { $0.positions }
    var partitions = [TopicPartition(topic: Topics.replies, partition: shard)]
    for partition in 0..<kafka.partitions(of: Topics.queue) where partition % shards == Int(shard) {
      partitions.append(TopicPartition(topic: Topics.queue, partition: Int32(partition)))
    }
    var positions: [TopicPartition: Int64] = [:]
    for partition in partitions { positions[partition] = stored[partition]?.next ?? 0 }
    let gate = Gate(chaos: chaos)
    let catalog = catalogs.count > 1 ? catalogs[random.below(catalogs.count)] : catalogs[0]
    return SimulatedWorker(
      worker: ShardWorker(
        takeover: takeover, options: options,
        source: SimulatedSource(kafka: kafka, positions: positions, gate: gate, seed: random.next()),
        publisher: SimulatedPublisher(kafka: kafka, id: producers),
        store: SimulatedStore(database: database, takeover: takeover, gate: gate), catalogs: catalog, clock: clock),
      producer: producers, gate: gate)
  }

  /// Without faults everything has to come to its end.
  private mutating func settle() async {
    var quiet = 0
    let from = clock.now()
    defer { calms.append((from, clock.now())) }
    for _ in 0..<1000 {
      if quiet >= Story.tuning.quiet { return }
      if catalogs.count > 1 { for catalog in catalogs { catalog.look() } }
      let before = progress
      for shard in 0..<Int32(shards) { await turn(shard) }
      for producer in kafka.flyingProducers {
        while kafka.flyingRecords(of: producer) > 0 { kafka.land(producer: producer, at: clock.now()) }
      }
      for index in processors.indices {
        for _ in 0..<4 { processors[index].turn(&random, at: clock.now(), faulty: false) }
      }
      clock.advance(by: .seconds(2))
      quiet = progress == before ? quiet + 1 : 0
    }
    isRestless = true
  }

  private var progress: [Int64] {
    database.read { tables in
      tables.shards.sorted { $0.key < $1.key }.flatMap {
        [$0.value.journalHead, $0.value.batch, $0.value.publishMark]
      }
    }
  }
}

/// A worker with what the world knows of it.
final class SimulatedWorker: Sendable {
  typealias Worker = ShardWorker<SimulatedSource, SimulatedPublisher, SimulatedStore>

  let producer: Int
  let gate: Gate
  private let worker: Worker
  private let isParked = Mutex(false)

  init(worker: Worker, producer: Int, gate: Gate) {
    self.worker = worker
    self.producer = producer
    self.gate = gate
  }

  /// Begins a turn, or goes on with the one that stopped at a gate.
  func advance() async -> Gate.Stop {
    let stop: Gate.Stop
    if isParked.withLock({ $0 }) {
      stop = await gate.resume()
    } else {
      stop = await gate.run { [worker] () async throws(MediatorError) in try await worker.turn() }
    }
    isParked.withLock { if case .parked = stop { $0 = true } else { $0 = false } }
    return stop
  }
}

final class SimulatedClock: MediatorClock {
  private let time = Mutex(Timestamp(microseconds: 1_700_000_000_000_000))
  func now() -> Timestamp { time.withLock { $0 } }
  func advance(by duration: Duration) { time.withLock { $0 = $0 + duration } }
}
