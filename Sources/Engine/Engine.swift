import Values
import Workflow

/// The pure state machine: state × input × now → state + journal entries.
///
/// It reads no clock, draws no random number and talks to nobody. Whoever drives it writes state and entries in one
/// transaction and publishes the `requested` entries afterwards.
public struct Engine: Sendable {
  public let definition: WorkflowDefinition
  public let options: EngineOptions
  /// Which calls may go out.
  public var admission = CallAdmission.everything

  /// The version that `$runtime` tells.
  public static let version = ProgramVersion.current

  public init(definition: WorkflowDefinition, options: EngineOptions = EngineOptions()) {
    self.definition = definition
    self.options = options
  }

  /// What a step did.
  public struct Step: Sendable, Hashable {
    public var disposition: Disposition
    /// What happened, in order; empty when the input was ignored (and for progress, which is not journalled).
    public var entries: [JournalEntry]
  }

  /// Starts an instance.
  ///
  /// - Parameter input: the raw workflow input; for an initial event, what ``WorkflowDefinition`` says the event gives.
  public func start(id: UUIDValue, input: JSON, now: Timestamp) -> (state: InstanceState, step: Step) {
    var execution = Execution(self, state: InstanceState(id: id, input: input, startedAt: now), now: now)
    execution.begin()
    return (execution.state, Step(disposition: .applied, entries: execution.entries))
  }

  /// An instance that has yet to wait for its turn; ``wake(_:now:)`` starts it.
  public func pending(id: UUIDValue, input: JSON, now: Timestamp) -> (state: InstanceState, step: Step) {
    var state = InstanceState(id: id, input: input, startedAt: now)
    state.status = .pending
    return (state, Step(disposition: .applied, entries: [.workflowPending]))
  }

  /// Applies the reply to a processing event.
  ///
  /// - Parameter requestID: the reply's `ce_causationid`, the `ce_id` of the attempt it answers.
  public func reply(_ outcome: ReplyOutcome, to requestID: String, state: inout InstanceState, now: Timestamp) -> Step {
    drive(&state, now) { $0.reply(outcome, to: requestID) }
  }

  /// Tells that an attempt's processing event can never be delivered (too large for the broker, say).
  public func undeliverable(_ requestID: String, reason: String, state: inout InstanceState, now: Timestamp) -> Step {
    drive(&state, now) { execution in
      let problem = Problems.communication("the processing event could not be delivered: \(reason)", at: "")
      return execution.reply(.failed(problem, retryable: false, retryAfter: nil), to: requestID, isDefinite: false)
    }
  }

  /// Offers an event to what the instance listens to.
  ///
  /// - Parameter event: its CloudEvents JSON form.
  public func event(_ event: JSON, state: inout InstanceState, now: Timestamp) -> Step {
    drive(&state, now) { $0.offer(event) }
  }

  /// Tells what has become of an instance that this one started: first that it was, or could not be; where it is
  /// awaited, later how it ended.
  ///
  /// - Parameter isLater: what follows from it is left to the next ``wake(_:now:)``, which is due at once: instances
  ///   that end as soon as they begin must not keep their parent busy without end.
  public func child(
    _ id: UUIDValue, _ outcome: ChildOutcome, isLater: Bool = false, state: inout InstanceState, now: Timestamp
  ) -> Step {
    drive(&state, now) { $0.child(id, outcome, isLater: isLater) }
  }

  /// Ends the instance because somebody says so.
  ///
  /// - Parameter compensating: whether completed tasks are compensated first.
  public func cancel(
    _ reason: String, compensating: Bool, state: inout InstanceState, now: Timestamp
  ) -> Step {
    drive(&state, now, standingStill: false) { execution in
      execution.cancel(reason, compensating: compensating)
      return .applied
    }
  }

  /// Ends the instance with an error because whoever drives it cannot go on with it. Nothing is compensated: that
  /// could not be stored either.
  public func abandon(_ reason: String, state: inout InstanceState, now: Timestamp) -> Step {
    drive(&state, now, standingStill: false) { execution in
      execution.state.compensations = []
      execution.state.unfinished = []
      execution.finish(with: Problems.runtime(reason, at: Execution.rootReference))
      // It might be what could not be stored.
      execution.state.checkpoint = nil
      return .applied
    }
  }

  /// Lets a queued call go out, whatever ``admission`` says.
  public func release(_ activity: Int, state: inout InstanceState, now: Timestamp) -> Step {
    drive(&state, now) { $0.release(activity) }
  }

  /// Does what has become due: timeouts, the ends of waits, the next attempts; starts an instance that was pending.
  public func wake(_ state: inout InstanceState, now: Timestamp) -> Step {
    drive(&state, now) { $0.wake() }
  }

  /// Moves the state through one execution without a second copy of it being alive.
  ///
  /// - Parameter standingStill: whether time has stopped for an instance that is suspended.
  private func drive(
    _ state: inout InstanceState, _ now: Timestamp, standingStill: Bool = true,
    _ body: (inout Execution) -> Disposition
  ) -> Step {
    guard !state.status.isTerminal else { return Step(disposition: .ignored(.terminal), entries: []) }
    var clock = now
    if standingStill, state.status == .suspended { clock = state.suspension?.since ?? now }
    var execution = Execution(self, state: consume state, now: clock)
    let disposition = body(&execution)
    state = execution.state
    state.updatedAt = now
    return Step(disposition: disposition, entries: execution.entries)
  }
}
