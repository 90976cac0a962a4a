import Glibc
import Kafka
import Simulator
import UnixSignals
import Values

/// Sends a simulation's records at their times, until it ends, fails or is interrupted.
struct SendingRun {
  private static let largestBatch = 500
  /// Records that are due within so long go out together.
  private static let gathering = Duration.milliseconds(5)

  private let options: SimulationOptions
  private let isPaced: Bool
  private let producer: KafkaProducer
  private let tally = Tally()

  init(options: SimulationOptions, isPaced: Bool, configuration: KafkaConfiguration) throws(KafkaError) {
    self.options = options
    self.isPaced = isPaced
    producer = try KafkaProducer(configuration)
  }

  func untilDone() async -> Report {
    let start = ContinuousClock.now
    let sending = Task { await send(from: start) }
    let showing = Task { await show(from: start) }
    let listening = Task {
      for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) {
        // The second one does not wait.
        if sending.isCancelled { _exit(EXIT_FAILURE) }
        sending.cancel()
      }
    }
    await sending.value
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    await producer.close()
    listening.cancel()
    showing.cancel()
    await showing.value
    return tally.report(options, took: seconds)
  }

  private func send(from start: ContinuousClock.Instant) async {
    var simulation = Simulation(options)
    var next = simulation.next()
    while let first = next, !Task.isCancelled, !tally.hasFailed {
      let now = ContinuousClock.now - start
      if isPaced && first.due > now {
        // Readings have their times: the pause is the pace that was asked for.
        try? await Task.sleep(for: max(first.due - now, Self.gathering), tolerance: .milliseconds(1))
        continue
      }
      var batch: [Simulation.Emission] = []
      while let emission = next, batch.count < Self.largestBatch, !isPaced || emission.due <= now {
        batch.append(emission)
        next = simulation.next()
      }
      await tally.begin(batch.count)
      if Task.isCancelled { break }
      send(batch)
    }
    // Interrupted, even while waiting here: what is under way gets a few seconds more.
    await withTaskCancellationHandler {
      await producer.flush()
    } onCancel: {
      Task { await producer.close(within: .seconds(5)) }
    }
  }

  private func send(_ batch: [Simulation.Emission]) {
    producer.send(batch.map(\.record)) { results in
      var delivered: [Simulation.Emission.Kind] = []
      var again: [Simulation.Emission] = []
      for (emission, result) in zip(batch, results) {
        switch result {
        case .success: delivered.append(emission.kind)
        case .failure(let error) where error.isFatal || error.isRetriable: again.append(emission)
        case .failure(let error): tally.failed(error)
        }
      }
      tally.delivered(delivered)
      guard !again.isEmpty else { return }
      tally.resent(again.count)
      send(again)
    }
  }

  /// One line that is written over and over, for people only.
  private func show(from start: ContinuousClock.Instant) async {
    guard isatty(STDERR_FILENO) == 1 else { return }
    var before = 0
    var then = start
    // How often the line is written anew; the rate in it is that of the pause.
    while (try? await Task.sleep(for: .milliseconds(500))) != nil {
      let (delivered, inFlight) = tally.progress
      let now = ContinuousClock.now
      let rate = Int(Double(delivered - before) / ((now - then) / .seconds(1)))
      writeError("\r\u{1B}[K\(delivered) records delivered, \(rate)/s, \(inFlight) under way")
      (before, then) = (delivered, now)
    }
    writeError("\r\u{1B}[K")
  }
}
