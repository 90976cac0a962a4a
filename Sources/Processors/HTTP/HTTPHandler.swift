import HTTPCalls
import Logging
import Values
import Wire

/// Makes the calls of `call: http` and `call: openapi`; `with` is theirs, the output is theirs (DSL 1.0.3).
///
/// At least once: there is no transaction over another's server. What it has done is recorded when it has answered, and
/// until then every attempt brings the same `Idempotency-Key` along.
public final class HTTPHandler: EffectHandler {
  private let caller: HTTPCaller
  private let ledger: any EffectLedger
  private let logger: Logger

  init(caller: HTTPCaller, ledger: any EffectLedger, logger: Logger) {
    self.caller = caller
    self.ledger = ledger
    self.logger = logger
  }

  public func validate(_ event: ProcessorEvent) -> Validated<CallRequest> {
    do throws(HTTPCallError) {
      return .work(try CallRequest(event.data))
    } catch {
      return .refused(TaskFailure(error))
    }
  }

  /// Tasks that must follow each other do so in their workflow; there is no other order among calls.
  public func lane(of work: CallRequest, for event: ProcessorEvent) -> String { event.idempotencyKey }

  public func perform(
    _ work: CallRequest, for event: ProcessorEvent, in context: EffectContext
  ) async throws(ProcessorError) -> EffectEnding {
    let (caller, key) = (caller, event.idempotencyKey)
    // Time passes until it is this call's turn.
    let result: CallOutcome? = await context.permits.run {
      guard !context.isAbandoned, !event.isExpired(at: context.clock.now()) else { return nil }
      return await caller.perform(work, idempotencyKey: key, deadline: event.deadline)
    }
    guard let result else { return context.isAbandoned ? .abandoned : .expired }
    let outcome = Outcome(result)
    guard outcome.isFinal else { return .settled(outcome) }
    let isRecorded = await context.patiently(logger) { () throws(ProcessorError) in
      try await ledger.settle(key, outcome)
    }
    return isRecorded ? .settled(outcome) : .abandoned
  }
}

extension Outcome {
  init(_ outcome: CallOutcome) {
    self =
      switch outcome {
      case .completed(let output): .completed(output)
      case .failed(let problem, let retryable, let retryAfter):
        .failed(TaskFailure(problem: problem, retryable: retryable, retryAfter: retryAfter))
      }
  }
}
