import Kafka
import Mediator
import Synchronization
import Wire

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
      stop = await gate.run { [worker] in try await worker.turn() }
    }
    isParked.withLock { if case .parked = stop { $0 = true } else { $0 = false } }
    return stop
  }
}

/// Workers: their turns, their ends, and who comes after them.
extension Simulation {
  mutating func turn(_ shard: Int32) async {
    let worker = workers[shard] ?? takeOver(shard)
    workers[shard] = worker
    guard case .ended(.some) = await worker.advance() else { return }
    // It gives up; unless its process has ended, what it had sent may still arrive.
    if worker.gate.isCrashed { await die(shard) } else { workers[shard] = nil }
  }

  mutating func disturb() async {
    let shard = Int32(random.below(shards))
    switch random.below(8) {
    case 0: await die(shard)
    case 1...2: loseLease(shard)
    case 3:
      guard random.chance(0.3) else { return }
      faults.count(.leaseStorm)
      for shard in 0..<Int32(shards) {
        for _ in 0..<(1 + random.below(3)) {
          loseLease(shard)
          await turn(shard)
        }
      }
    default:
      guard !zombies.isEmpty else { return }
      let zombie = zombies.remove(at: random.below(zombies.count))
      faults.count(.zombieOwner)
      if case .ended(.some) = await zombie.advance() { return }
      if random.chance(0.7) { zombies.append(zombie) }
    }
  }

  /// The lease runs out while the owner is asleep: another takes over, and the owner wakes up later.
  private mutating func loseLease(_ shard: Int32) {
    if let former = workers.removeValue(forKey: shard) { zombies.append(former) }
  }

  /// The end of a process.
  private mutating func die(_ shard: Int32) async {
    guard let worker = workers.removeValue(forKey: shard) else { return }
    if !worker.gate.isCrashed { faults.count(.crashElsewhere) }
    await worker.gate.kill()
    kafka.crash(producer: worker.producer, at: clock.now())
  }

  private mutating func takeOver(_ shard: Int32) -> SimulatedWorker {
    takeovers += 1
    let producer = kafka.newProducer()
    let takeover = database.takeOver(shard)
    faults.note("takeover", Int64(shard), takeover.epoch)
    let stored = database.read { $0.positions }
    var partitions = [TopicPartition(topic: Topics.replies, partition: shard)]
    for partition in 0..<kafka.partitions(of: Topics.queue) where partition % shards == Int(shard) {
      partitions.append(TopicPartition(topic: Topics.queue, partition: Int32(partition)))
    }
    var positions: [TopicPartition: Int64] = [:]
    for partition in partitions { positions[partition] = stored[partition]?.next ?? 0 }
    let gate = Gate(faults: faults, clock: clock)
    let catalog = catalogs.count > 1 ? catalogs[random.below(catalogs.count)] : catalogs[0]
    return SimulatedWorker(
      worker: ShardWorker(
        takeover: takeover, options: options,
        source: SimulatedSource(kafka: kafka, positions: positions, gate: gate, seed: random.next()),
        publisher: SimulatedPublisher(kafka: kafka, id: producer),
        store: SimulatedStore(database: database, takeover: takeover, gate: gate), catalogs: catalog, clock: clock),
      producer: producer, gate: gate)
  }
}
