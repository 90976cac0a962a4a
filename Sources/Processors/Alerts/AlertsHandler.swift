import Postgres
import Values

/// Checks readings against rules: `with: {equipment, values, time}`; replies `{state, transitions}`.
public struct AlertsHandler: PostgresHandler {
  private let judge: AlertJudge

  public init(rules: [AlertRule] = AlertRule.builtIn) { judge = AlertJudge(rules: rules) }

  public func validate(_ event: ProcessorEvent) -> Validated<AlertReading> { judge.read(event.data) }

  public func apply(
    _ works: [BatchWork<AlertReading>], in transaction: BatchTransaction
  ) async throws(PostgresError) -> AppliedBatch {
    let known = try await AlertRows.lock(Set(works.map(\.work.equipment)).sorted(), in: transaction)
    var states = known
    var rows: [AlertRows.Row] = []
    var outcomes: [Outcome] = []
    outcomes.reserveCapacity(works.count)
    for work in works {
      let transitions = judge.judge(work.work, &states[work.work.equipment, default: EquipmentState()])
      outcomes.append(.completed(AlertJudge.output(transitions)))
      for transition in transitions {
        rows.append(
          AlertRows.Row(reading: work.work, idempotencyKey: work.idempotencyKey, transition: transition))
      }
    }
    return AppliedBatch(outcomes: outcomes, statements: AlertRows.save(states, before: known, rows))
  }
}
