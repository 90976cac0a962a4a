import Engine
import Testing
import Values

@testable import Mediator

@Suite struct InstanceCacheTests {
  private func instance(_ number: Int, _ status: InstanceStatus = .running) -> StoredInstance {
    var state = InstanceState(id: UUIDValue(high: 0, low: UInt64(number)), input: nil, startedAt: start)
    state.status = status
    return StoredInstance(shard: 0, definition: 1, key: nil, eventID: "\(number)", eventSource: "", state: state)
  }

  private func id(_ number: Int) -> UUIDValue { UUIDValue(high: 0, low: UInt64(number)) }

  @Test func findsWhatWasPutIn() {
    var cache = InstanceCache(capacity: 10, bytes: .max)
    cache.update(instance(1))
    #expect(cache.find(id(1)) == instance(1))
    #expect(cache.find(id(2)) == nil)
    #expect(cache.count == 1)
  }

  @Test func theLastUpdateCounts() {
    var cache = InstanceCache(capacity: 10, bytes: .max)
    cache.update(instance(1))
    var changed = instance(1)
    changed.state.context = ["step": 2]
    cache.update(changed)
    #expect(cache.find(id(1)) == changed)
    #expect(cache.count == 1)
  }

  /// Also when an older copy of it lies in the old generation.
  @Test func anEndedInstanceIsDropped() {
    for fillers in 0..<8 {
      var cache = InstanceCache(capacity: 4, bytes: .max)
      cache.update(instance(1))
      for filler in 0..<fillers { cache.update(instance(100 + filler)) }
      cache.update(instance(1, .completed))
      #expect(cache.find(id(1)) == nil)
    }
  }

  @Test func neverHoldsMoreThanItsCapacity() {
    for capacity in [0, 1, 2, 3, 10, 11] {
      var cache = InstanceCache(capacity: capacity, bytes: .max)
      for number in 0..<100 {
        cache.update(instance(number))
        #expect(cache.count <= max(2, capacity))
        #expect(cache.find(id(number)) == instance(number))
      }
    }
  }

  @Test func whatIsAskedForStays() {
    var cache = InstanceCache(capacity: 10, bytes: .max)
    cache.update(instance(0))
    for number in 1..<200 {
      cache.update(instance(number))
      #expect(cache.find(id(0)) == instance(0))
    }
    #expect(cache.find(id(1)) == nil)
  }

  /// Against a plain dictionary: it may forget, but what it finds is the last that was put in.
  @Test func neverFindsAnOldState() {
    var random = SeededGenerator(seed: 3)
    var cache = InstanceCache(capacity: 6, bytes: .max)
    var truth: [Int: StoredInstance] = [:]
    for step in 0..<20_000 {
      let number = Int.random(in: 0..<12, using: &random)
      switch Int.random(in: 0..<10, using: &random) {
      case 0:
        cache.update(instance(number, .faulted))
        truth[number] = nil
      case 1...5:
        var next = instance(number)
        next.state.nextActivity = step
        cache.update(next)
        truth[number] = next
      default:
        if let found = cache.find(id(number)) { #expect(found == truth[number]) }
      }
    }
  }

  /// Ten thousand large instances must not take the memory of ten thousand large instances.
  @Test func itsBytesAreBounded() {
    var cache = InstanceCache(capacity: 10_000, bytes: 100_000)
    for number in 0..<1000 {
      var large = instance(number)
      large.state.context = .string(String(repeating: "x", count: 10_000))
      cache.update(large)
      #expect(cache.count <= 12)
      #expect(cache.find(id(number)) == large)
    }
    // What became small again takes little room again.
    for round in 0..<10_000 {
      var small = instance(0)
      small.state.nextActivity = round
      cache.update(small)
      cache.update(instance(1))
    }
    cache.update(instance(2))
    #expect(cache.find(id(0)) != nil && cache.find(id(1)) != nil && cache.find(id(2)) != nil)
  }
}
