/// One machine working on one job after another.
///
/// Its state changes once per reading, so that the same readings come out whatever the interval between them is.
struct SimulatedEquipment: Sendable {
  private enum Phase {
    case producing
    /// The operator is away: goes on by itself.
    case paused(readings: Int)
    /// Something is wrong: takes longer.
    case stopped(readings: Int)
    /// The job is done; the next one is being set up.
    case changeover(readings: Int)
  }

  let name: String
  let device: String
  let bootID: String
  private var phase = Phase.producing
  /// Of the job, in tenths of a percent.
  private var progress: Int
  /// Tenths of a percent per reading.
  private var pace: Int
  private var random: SeededGenerator
  private var sequence = 0

  init(name: String, device: String, bootID: String, random: SeededGenerator) {
    self.name = name
    self.device = device
    self.bootID = bootID
    self.random = random
    // Machines do not all begin at once.
    progress = self.random.number(in: 0...999)
    pace = Self.pace(&self.random)
  }

  /// A job takes about 20 to 100 readings without pauses.
  private static func pace(_ random: inout SeededGenerator) -> Int { random.number(in: 10...50) }

  struct State {
    var sequence: Int
    /// Tenths of a percent.
    var progress: Int
    var producing: Bool
  }

  mutating func advance() -> State {
    switch phase {
    case .producing: work()
    case .paused(let readings): phase = readings > 1 ? .paused(readings: readings - 1) : .producing
    case .stopped(let readings): phase = readings > 1 ? .stopped(readings: readings - 1) : .producing
    case .changeover(let readings):
      if readings > 1 {
        phase = .changeover(readings: readings - 1)
      } else {
        phase = .producing
        progress = 0
        pace = Self.pace(&random)
      }
    }
    sequence += 1
    var producing = false
    if case .producing = phase { producing = true }
    return State(sequence: sequence, progress: progress, producing: producing)
  }

  private mutating func work() {
    if random.happens(percent: 1.5) {
      phase = .paused(readings: random.number(in: 2...8))
    } else if random.happens(percent: 0.4) {
      phase = .stopped(readings: random.number(in: 10...30))
    } else {
      progress = min(1_000, progress + max(1, pace * random.number(in: 60...140) / 100))
      if progress == 1_000 { phase = .changeover(readings: random.number(in: 2...6)) }
    }
  }
}
