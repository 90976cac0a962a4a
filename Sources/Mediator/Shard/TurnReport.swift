import Engine

/// What a turn did and where its time went; feeds metrics and the benchmark.
public struct TurnReport: Sendable {
  public enum Stage: String, Sendable, Hashable, CaseIterable { case poll, decode, load, step, write, publish }

  public var records = 0
  public var started = 0
  public var ended: [InstanceStatus: Int] = [:]
  public var deadLetters: [String: Int] = [:]
  public var forwarded = 0
  public var requests = 0
  public var ignored: [IgnoredReason: Int] = [:]
  public var givenUp: [GivenUp] = []
  public private(set) var times: [Stage: Duration] = [:]
  private var lap = ContinuousClock.now

  public init() {}

  /// Books the time since the last split on a stage.
  mutating func split(_ stage: Stage) {
    let now = ContinuousClock.now
    times[stage, default: .zero] += now - lap
    lap = now
  }

  public var isIdle: Bool { records == 0 && requests == 0 && ended.isEmpty }

  mutating func add(_ plan: TurnPlan, records: Int) {
    self.records += records
    started += plan.startedCount
    ended.merge(plan.endedCount, uniquingKeysWith: +)
    ignored.merge(plan.ignored, uniquingKeysWith: +)
    forwarded += plan.batch.forwarded.count
    givenUp += plan.givenUp
    for letter in plan.batch.deadLetters { deadLetters[letter.reason, default: 0] += 1 }
    for row in plan.batch.journal {
      requests += row.requests.count
    }
  }
}
