import Safeguards
import Values
import Workflow

extension Engine {
  /// What it would mean for an instance of this version to go on in another one. Nothing is changed.
  ///
  /// - Parameters:
  ///   - target: the engine of the other version.
  ///   - renames: see ``MigrationRequest/renames``.
  ///   - state: also one that has ended with an error.
  public func migrationPlan(
    to target: Engine, renames: [String: String] = [:], state: InstanceState
  ) -> MigrationPlan {
    var planner = MigrationPlanner(from: definition, to: target, renames: renames)
    return planner.plan(state)
  }

  /// Lets an instance of this version go on in another one, where it is from then on an instance of `target`'s.
  ///
  /// Task executions keep their ids, so that the replies to processing events that are out find them; what is due stays
  /// due. Nothing is started or sent. A refused migration changes nothing.
  ///
  /// - Parameter reason: why, in the operator's words; it is journalled.
  public func migrate(
    _ migration: MigrationRequest, to target: Engine, reason: String, state: inout InstanceState, now: Timestamp
  ) -> Step {
    let plan = migrationPlan(to: target, renames: migration.renames, state: state)
    guard plan.isSafe || !Safeguard.holds(.migrationRefused) else {
      return Step(disposition: .refused(plan.refusal), entries: [])
    }
    state = plan.state
    state.updatedAt = now
    return Step(disposition: .applied, entries: [.migrated(plan.record, reason: reason)])
  }
}
