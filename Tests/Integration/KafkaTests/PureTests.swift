import Logging
import Synchronization
import Testing

@testable import Kafka

@Suite struct OutstandingSendsTests {
  @Test("every send is told once, with its results in place, whatever order the reports come in")
  func anyOrder() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      var sends = OutstandingSends()
      var expected: [UInt64: [Int64]] = [:]
      var sequences: [UInt64] = []
      for _ in 0..<Int.random(in: 1...40, using: &random) {
        let count = Int.random(in: 1...5, using: &random)
        let first = sends.add(count: count) { _ in }
        sequences += (0..<count).map { first + UInt64($0) }
        expected[first] = (0..<count).map { Int64(first) + Int64($0) }
      }
      var told: [UInt64: [Int64]] = [:]
      for sequence in sequences.shuffled(using: &random) {
        guard let completed = sends.record(.success(Int64(sequence)), for: sequence) else { continue }
        let offsets = completed.results.compactMap { try? $0.get() }
        #expect(told.updateValue(offsets, forKey: UInt64(offsets[0])) == nil)
        // A report that comes twice, or for what was never sent, changes nothing.
        let repeated = sends.record(.success(0), for: sequence)
        let unknown = sends.record(.success(0), for: 1_000_000)
        #expect(repeated == nil && unknown == nil)
      }
      #expect(told == expected)
      #expect(sends.isEmpty)
      #expect(sends.oldest == nil)
    }
  }

  @Test("failing all keeps the results that are there, and reports that come later change nothing")
  func failAll() {
    var sends = OutstandingSends()
    let first = sends.add(count: 3) { _ in }
    let second = sends.add(count: 1) { _ in }
    let partly = sends.record(.success(7), for: first + 1)
    let whole = sends.record(.success(9), for: second)
    #expect(partly == nil && whole != nil)
    #expect(sends.oldest == first)
    let failed = sends.failAll(.closed("producer"))
    #expect(failed.count == 1)
    #expect(failed.first?.results.map { try? $0.get() } == [nil, 7, nil])
    let late = sends.record(.success(1), for: first)
    #expect(late == nil)
    #expect(sends.isEmpty)
    #expect(sends.nextSequence == second + 1)
  }
}

@Suite struct FetchPacerTests {
  @Test("only answers that come at once with the same size are held up, longer when it stays quiet")
  func delays() {
    let pacer = FetchPacer()
    #expect(pacer.delay(broker: 1, size: 100, roundTrip: 50) == 0)
    #expect(pacer.delay(broker: 1, size: 100, roundTrip: 50) == 950)
    #expect(pacer.delay(broker: 2, size: 100, roundTrip: 50) == 0)
    for _ in 0..<200 { _ = pacer.delay(broker: 1, size: 100, roundTrip: 50) }
    #expect(pacer.delay(broker: 1, size: 100, roundTrip: 50) == 7950)
    for _ in 0..<500 { _ = pacer.delay(broker: 1, size: 100, roundTrip: 50) }
    #expect(pacer.delay(broker: 1, size: 100, roundTrip: 50) == 23_950)
    // A broker that keeps the fetch needs no pacing.
    #expect(pacer.delay(broker: 1, size: 100, roundTrip: 100_000) == 0)
    // Records.
    #expect(pacer.delay(broker: 1, size: 180, roundTrip: 50) == 0)
    #expect(pacer.delay(broker: 1, size: 100, roundTrip: 50) == 0)
    // Full answers of a busy partition have the same size as well.
    #expect(pacer.delay(broker: 3, size: 1_000_000, roundTrip: 50) == 0)
    #expect(pacer.delay(broker: 3, size: 1_000_000, roundTrip: 50) == 0)
  }
}

@Suite struct ConnectionLogTests {
  private final class Lines: Sendable {
    let all = Mutex<[String]>([])
  }

  private struct Handler: LogHandler {
    let lines: Lines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }
    func log(event: LogEvent) {
      lines.all.withLock { $0.append("\(event.level) \(event.message)") }
    }
  }

  private let lines = Lines()
  private let reachability = Reachability()

  private func connectionLog() -> ConnectionLog {
    let lines = lines
    return ConnectionLog(logger: Logger(label: "test") { _ in Handler(lines: lines) }, reachability: reachability)
  }

  @Test("there is one line for each change of state, however often it is tried")
  func changes() {
    var log = connectionLog()
    let down = KafkaError(code: .unavailable, rdkafkaCode: -187, name: "_ALL_BROKERS_DOWN", message: "1/1 down")
    log.succeeded()
    for _ in 0..<10 {
      log.line(facility: "FAIL", text: "Connection refused", level: 3)
      let absorbed = log.absorb(down)
      #expect(absorbed)
      log.probeFailed()
    }
    #expect(log.state == .disconnected)
    #expect(!reachability.isReachable)
    log.succeeded()
    log.succeeded()
    #expect(reachability.isReachable)
    #expect(lines.all.withLock { $0 }.map { $0.prefix(7) } == ["warning", "notice "])
  }

  @Test("idle connections that a broker closes are no change of state")
  func idleConnections() {
    var log = connectionLog()
    log.succeeded()
    let absorbed = log.absorb(KafkaError(code: .unavailable, rdkafkaCode: -187, name: "_ALL_BROKERS_DOWN", message: ""))
    #expect(absorbed)
    #expect(log.state == .suspect)
    log.probeFailed()
    #expect(reachability.isReachable)
    log.succeeded()
    #expect(lines.all.withLock { $0.isEmpty })
  }

  @Test("a refused login is told once and is the reason for what times out; other errors are the caller's")
  func refusal() {
    var log = connectionLog()
    let refused = KafkaError(code: .authentication, rdkafkaCode: -169, name: "_AUTHENTICATION", message: "no")
    var absorbed = log.absorb(refused)
    #expect(absorbed)
    absorbed = log.absorb(refused)
    #expect(absorbed)
    #expect(log.failure == refused)
    absorbed = log.absorb(KafkaError(code: .authorization, name: "GROUP_AUTHORIZATION_FAILED", message: "no"))
    #expect(!absorbed)
    absorbed = log.absorb(KafkaError(code: .fatal, name: "_FATAL", isFatal: true, message: "no"))
    #expect(!absorbed)
    log.line(facility: "SOMETHING", text: "odd", level: 4)
    log.line(facility: "SOMETHING", text: "odd", level: 4)
    #expect(lines.all.withLock { $0.count } == 2)
  }
}

@Suite struct NameTableTests {
  @Test("names that share a slot do not get mixed up")
  func collisions() {
    var table = NameTable()
    for _ in 0..<3 {
      for number in 0..<500 {
        let name = "header-\(number)"
        let string = name.withCString { table.string($0) }
        #expect(string == name)
      }
    }
    let empty = "".withCString { table.string($0) }
    #expect(empty.isEmpty)
  }
}
