import Glibc
import Hosting
import Kafka
import Mediator
import Synchronization
import Values
import Wire

/// Sends dead letters again, a few at a time: first to the broker, then it marks them. Whatever ends it between the two
/// leaves letters that may be sent twice, which has no effect: the second one is a duplicate of the first.
struct Redriver {
  let queries: DeadLetterQueries
  let store: DeadLetterStore
  let configuration: KafkaConfiguration
  let rate: Double?
  let why: String
  var patience = Duration.seconds(10)

  /// - Throws: when Kafka or Postgres does not answer; what was sent is marked by then.
  func run(_ ids: [DeadLetterID], into report: inout RedriveReport) async throws {
    let admin = try KafkaAdmin(configuration, limit: patience)
    let producer = try KafkaProducer(configuration)
    let outcome: Result<Void, any Error>
    do {
      outcome = .success(try await send(ids, admin, producer, into: &report))
    } catch {
      outcome = .failure(error)
    }
    await producer.close(within: .zero)
    await admin.close()
    try outcome.get()
  }

  private func send(
    _ ids: [DeadLetterID], _ admin: KafkaAdmin, _ producer: KafkaProducer, into report: inout RedriveReport
  ) async throws {
    Interruption.watch()
    let topics: [String: KafkaTopic]
    do throws(KafkaError) { topics = try await admin.topics() } catch { throw CommandFailure(kafka: error) }
    let begin = ContinuousClock.now
    let size = rate.map { max(1, min(100, Int($0 / 5))) } ?? 100
    var progress = Progress(total: ids.count)
    for start in stride(from: 0, to: ids.count, by: size) {
      if let rate { await pause(until: begin + .seconds(Double(start) / rate)) }
      if Interruption.isAsked {
        report.isInterrupted = true
        report.left = ids.count - start
        return
      }
      let end = min(start + size, ids.count)
      try await send(Array(ids[start..<end]), topics, producer, into: &report)
      progress.tell(end)
    }
  }

  private func send(
    _ ids: [DeadLetterID], _ topics: [String: KafkaTopic], _ producer: KafkaProducer, into report: inout RedriveReport
  ) async throws {
    let letters = Dictionary(try await queries.details(of: ids).map { ($0.entry.id, $0) }) { first, _ in first }
    var ready: [DeadLetterDetail] = []
    for id in ids {
      guard let letter = letters[id] else { continue }
      if topics[letter.entry.topic] == nil {
        report.failed.append((id, "there is no topic '\(letter.entry.topic)', or no right to see it"))
      } else {
        ready.append(letter)
      }
    }
    guard !ready.isEmpty else { return }
    let records = ready.map { letter in
      letter.redriven(
        round: letter.entry.rounds + 1, partitions: topics[letter.entry.topic]?.partitions.count ?? 0)
    }
    let results = await producer.send(records, orCloseAfter: patience)
    var sent: [(id: DeadLetterID, round: Int, detail: String)] = []
    var lost: KafkaError?
    for (letter, result) in zip(ready, results) {
      let (id, round) = (letter.entry.id, letter.entry.rounds + 1)
      switch result {
      case .success:
        sent.append((id, round, why))
        report.sent.append((id, round, letter.entry.topic))
      case .failure(let error) where error.code == .closed || error.isFatal:
        lost = error
      case .failure(let error): report.failed.append((id, error.message))
      }
    }
    if !sent.isEmpty { try await store.markRedriven(sent) }
    if let lost {
      var failure = CommandFailure(kafka: lost)
      failure.what = "Kafka has not taken all within \(TimeText.duration(patience)) (\(report.sent.count) were sent)"
      throw failure
    }
  }

  /// In steps, so that SIGINT need not wait for it.
  private func pause(until moment: ContinuousClock.Instant) async {
    while !Interruption.isAsked, .now < moment {
      // The rate that was asked for is kept by pausing.
      try? await Task.sleep(for: min(.milliseconds(100), moment - .now))
    }
  }
}

/// Tells now and then how far it is, when there is much to do.
private struct Progress {
  let total: Int
  private var last = ContinuousClock.now

  init(total: Int) { self.total = total }

  mutating func tell(_ done: Int) {
    guard total > 1, .now - last >= .seconds(1) else { return }
    last = .now
    writeToStandardError("\(done) of \(total)")
  }
}

/// SIGINT, asked for now and then. A second one ends the program at once.
enum Interruption {
  private static let flag = Atomic<Bool>(false)

  static var isAsked: Bool { flag.load(ordering: .relaxed) }

  static func watch() {
    // Made here, not in the handler.
    _ = isAsked
    signal(SIGINT) { _ in
      Interruption.flag.store(true, ordering: .relaxed)
      signal(SIGINT, SIG_DFL)
    }
  }
}
