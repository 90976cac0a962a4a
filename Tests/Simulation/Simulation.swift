import Engine
import Kafka
import Mediator
import Values
import Wire
import Workflow

/// The production loops of mediator and processors on simulated Kafka and Postgres, driven by one seed: who goes on,
/// where it stops, what is acknowledged, who dies, how time passes.
struct Simulation<Story: Scenario> {
  let shards = 3

  let faults: Faults
  let kafka: SimulatedKafka
  let inbox = SimulatedInbox()
  let database: SimulatedDatabase
  let clock = SimulatedClock()
  let deployments: Deployments
  let catalogs: [ChangingCatalog]
  let options: ShardOptions
  var random: SeededGenerator
  var workers: [Int32: SimulatedWorker] = [:]
  /// Former owners that do not know it yet.
  var zombies: [SimulatedWorker] = []
  let processors: [ProcessorGroup]
  private(set) var events: Story
  /// What operators do in this world; mostly nothing.
  let verbs: [Verb]
  var operators = Operators()
  private(set) var watch = StepInvariants()
  /// The times without faults in which nothing leapt: from when until when.
  private(set) var calms: [(from: Timestamp, to: Timestamp)] = []
  /// Something went on and on though nothing went wrong.
  private(set) var isRestless = false
  var takeovers = 0
  private var steps = 0
  /// Of their own, so that worlds without other versions, or without retired ones, are what they were.
  private var successions: SeededGenerator
  private var retirements: SeededGenerator
  private let retired: Int32?

  /// - Parameter successors: other versions, deployed after the late ones.
  init(
    seed: UInt64, _ events: Story, definitions: [WorkflowDefinition], late: [WorkflowDefinition],
    successors: [WorkflowDefinition] = []
  ) {
    self.events = events
    let tuning = Story.tuning
    random = SeededGenerator(seed: seed)
    successions = SeededGenerator(seed: seed ^ 0x5ecc)
    retirements = SeededGenerator(seed: seed ^ 0x2e71)
    retired = retirements.chance(0.5) ? tuning.retired : nil
    faults = Faults(seed: seed &+ 1)
    verbs = random.chance(0.5) ? tuning.verbs : []
    kafka = SimulatedKafka(faults: faults)
    let deployments = Deployments(
      definitions, later: [late, successors], callTimeout: tuning.callTimeout)
    self.deployments = deployments
    catalogs = (0..<tuning.processes).map { _ in ChangingCatalog(deployments) }
    var limits = CallLimits()
    if random.chance(0.5) { limits.perChannel = Int(tuning.shards) * (1 + random.below(3)) }
    limits.shards = tuning.shards
    database = SimulatedDatabase(
      kafka: kafka, processors: inbox, publishesEveryRow: tuning.lifecycle != .off, callLimits: limits,
      deployments: deployments)
    // Limits so small that they are reached.
    var options = ShardOptions(
      timerInterval: .milliseconds(200), maxTimers: 1 + random.below(3), maxUnpublished: 2 + random.below(12),
      cacheCapacity: random.below(10), lease: .milliseconds(300))
    options.shards = tuning.shards
    options.callLimits = limits
    options.maxReleases = 1 + random.below(3)
    options.eventRetention = tuning.eventRetention
    options.lifecycle = tuning.lifecycle
    self.options = options
    kafka.createTopic(Topics.queue, partitions: 5)
    kafka.createTopic(Topics.replies, partitions: shards)
    kafka.createTopic(Topics.deadLetters, partitions: 1)
    if tuning.lifecycle != .off { kafka.createTopic(Topics.lifecycle, partitions: 2) }
    let channels = (definitions + late + successors).reduce(into: Set<String>()) { $0.formUnion($1.channels) }
    for channel in channels { kafka.createTopic(Topics.channel(channel), partitions: 2) }
    processors = channels.sorted().map { [kafka, inbox, clock] channel in
      ProcessorGroup(channel: channel, kafka: kafka, inbox: inbox, clock: clock)
    }
  }

  /// What happened, to be sure that enough did.
  struct Outcome: Sendable {
    var problems: [String]
    var faults: [FaultKind: Int]
    var digest: UInt64
    var log: [String]
    var steps: Int
    var takeovers: Int
    var fencedCommits: Int
    var conflicts: Int
    var outdated: Int
    var instances: Int
    /// By verb.
    var commands: [String: Int]
  }

  mutating func run(events count: Int) async -> Outcome {
    let deployment = random.below(count * 3)
    let succession = deployment + 1 + successions.below(count * 8)
    // First with faults, then without any, until nothing moves.
    while events.count < count || steps < count * 14 {
      if events.count < count, random.chance(0.4) { events.produce(to: kafka, &random, at: clock.now()) }
      events.goOn(kafka, &random, at: clock.now())
      if steps == deployment {
        deployments.deploy()
        events.deployed()
        faults.count(.definitionChange)
      }
      if steps == succession { deployments.deploy() }
      if let retired, retirements.chance(0.03) {
        deployments.turn(retired)
        faults.count(.definitionChange)
      }
      if random.chance(0.1) { operate() }
      await step()
      watch.check(database, kafka)
      steps += 1
    }
    if random.chance(0.3) { setClockBack() }
    faults.stop()
    for zombie in zombies { _ = await zombie.advance() }
    while database.read({ !$0.late.isEmpty }) { database.landLateCommit() }
    for group in processors { await group.tellLosses() }
    events.finish(kafka, at: clock.now())
    await settle()
    for _ in 0..<5 where watch.violations.isEmpty && resumeAll() { await settle() }
    // What is still open waits for the time.
    for wait in Story.tuning.waits {
      clock.advance(by: wait)
      await settle()
    }
    let tables = database.read { $0 }
    return Outcome(
      problems: Story.problems(of: self), faults: faults.counts, digest: faults.digest, log: faults.log, steps: steps,
      takeovers: takeovers, fencedCommits: tables.fencedCommits, conflicts: tables.conflicts,
      outdated: tables.outdated, instances: tables.instances.count, commands: tables.operations.applied)
  }

  // MARK: The world

  private mutating func step() async {
    switch random.below(24) {
    case 0...9: await turn(Int32(random.below(shards)))
    case 10...13: await processors[random.below(processors.count)].advance(random.below(2))
    case 14...16: land()
    case 17: passTime()
    case 18: if random.chance(0.3) { forge() }
    case 19: await disturbProcessors()
    case 20: database.landLateCommit()
    default: await disturb()
    }
  }

  private mutating func passTime() {
    clock.advance(by: .milliseconds(random.below(900)))
    let leap = Int(Story.tuning.leap / .milliseconds(1))
    if faults.strikes(.clockForward, 0.3) { clock.advance(by: .milliseconds(900 + random.below(max(leap, 4000)))) }
    if random.chance(0.15) { setClockBack() }
    if catalogs.count > 1, random.chance(0.2) { catalogs[random.below(catalogs.count)].look() }
  }

  private mutating func setClockBack() {
    faults.count(.clockBack)
    clock.advance(by: .milliseconds(-500 - random.below(60_000)))
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
    faults.count(.forgedReply)
    let reply = Reply(
      causationID: "\(instance).\(1 + random.below(6)).\(5 + random.below(3))", correlationID: instance,
      kind: .completed(["is": "forged"]), id: "", source: "")
    kafka.write(
      reply.encode(topic: Topics.replies, partition: Int32(random.below(shards)), key: nil), at: clock.now())
  }

  private mutating func disturbProcessors() async {
    let group = processors[random.below(processors.count)]
    switch random.below(4) {
    case 0: await group.replace(random.below(group.count))
    case 1: await group.tellLosses()
    default: await group.rebalance(Int32(random.below(2)), isOrderly: random.chance(0.5))
    }
  }

  /// Without faults everything has to come to its end.
  private mutating func settle() async {
    var quiet = 0
    let from = clock.now()
    defer { calms.append((from, clock.now())) }
    for round in 0..<1000 {
      if quiet >= (isCaughtUp ? 3 : 40), !watch.violations.isEmpty || !skipToNextWake() { return }
      if catalogs.count > 1 { for catalog in catalogs { catalog.look() } }
      let before = progress
      for shard in 0..<Int32(shards) { await turn(shard) }
      for producer in kafka.flyingProducers {
        while kafka.flyingRecords(of: producer) > 0 { kafka.land(producer: producer, at: clock.now()) }
      }
      // What members have to do without anything to read is done in the first rounds.
      for group in processors where round < 3 || group.hasUnread {
        for member in 0..<group.count { await group.advance(member) }
        guard group.hasUnread else { continue }
        for member in 0..<group.count { await group.advance(member) }
      }
      watch.check(database, kafka)
      quiet = progress == before ? quiet + 1 : 0
      if quiet > 2, watch.violations.isEmpty { watch.checkNoticed(database, shards: shards, at: clock.now()) }
      clock.advance(by: .seconds(2))
    }
    isRestless = true
  }

  /// Lets the time go to where the next instance is due, where that is near.
  ///
  /// - Returns: whether there is one.
  private func skipToNextWake() -> Bool {
    let now = clock.now()
    guard let next = database.nextWake, next - now < Story.tuning.horizon else { return false }
    // What is due already has its turn in the next round.
    if next > now { clock.advance(by: min(next - now, Story.tuning.stride)) }
    return true
  }

  /// Whether the mediator has read what there is, and published what it has written. A new owner reads nothing, and
  /// writes nothing, until it has published what the one before may not have.
  private var isCaughtUp: Bool {
    let ends = [Topics.queue, Topics.replies].flatMap { topic in
      (0..<Int32(kafka.partitions(of: topic))).map { TopicPartition(topic: topic, partition: $0) }
    }.map { ($0, kafka.end(of: $0)) }
    return database.read { tables in
      tables.shards.values.allSatisfy { $0.publishMark == $0.journalHead }
        && ends.allSatisfy { tables.positions[$0]?.next ?? 0 == $1 }
    }
  }

  private var progress: [Int64] {
    database.read { tables in
      tables.shards.sorted { $0.key < $1.key }.flatMap {
        [$0.value.journalHead, $0.value.batch, $0.value.publishMark]
      }
    }
  }
}
