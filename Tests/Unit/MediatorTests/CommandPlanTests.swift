import Engine
import Kafka
import Testing
import Values
import Wire

@testable import Mediator

/// What operators ask for, planned in a batch.
@Suite struct CommandPlanTests {
  private func command(_ operation: Operation, on instance: UUIDValue, request: UInt64 = 1) -> QueuedCommand {
    queued(operation.verb, operation.json, on: instance, request: request)
  }

  private func queued(
    _ verb: String, _ arguments: JSON, on instance: UUIDValue, request: UInt64 = 1, isDone: Bool = false
  ) -> QueuedCommand {
    QueuedCommand(
      number: Int64(request),
      command: OperatorCommand(
        request: UUIDValue(high: 9, low: request), instance: instance, verb: verb, arguments: arguments,
        author: "ann", reason: "because", requestedAt: start),
      isDone: isDone)
  }

  private func failed(_ id: UUIDValue, _ turns: inout Turns, offset: Int64 = 0) {
    let problem = ProblemDetails(type: "about:blank", status: 500)
    let request = turns.stored[id]?.state.activities.last.map { "\(id.text).\($0.id).1" } ?? ""
    _ = turns.turn([
      reply(.failed(TaskFailure(problem: problem)), to: request, of: id.text, offset: offset)
    ])
  }

  private func started(_ turns: inout Turns, _ event: KafkaRecord = event()) throws -> UUIDValue {
    let (_, batch) = turns.turn([event])
    return try #require(batch.started.first?.id)
  }

  @Test func aFaultedInstanceIsTriedAgain() throws {
    var turns = Turns([try entry(1, oneCall)])
    let id = try started(&turns)
    failed(id, &turns)
    #expect(turns.stored[id]?.state.status == .faulted)
    let (plan, batch) = turns.turn([]) { $0.apply(command(.retry, on: id)) }
    #expect(batch.audit.map(\.outcome) == [.applied(result: nil)])
    #expect(batch.commands == [1])
    #expect(plan.instances[id]?.state.status == .running)
    #expect(batch.journal.flatMap(\.requests).count == 1)
    #expect(batch.updated.map(\.id) == [id])
  }

  @Test func aFailureThatCameWhileTheInstanceWasSuspendedIsADeadLetterOnceItIsResumed() throws {
    var turns = Turns([try entry(1, oneCall)])
    let id = try started(&turns)
    _ = turns.turn([]) { $0.apply(command(.suspend, on: id, request: 1)) }
    failed(id, &turns)
    #expect(turns.stored[id]?.state.status == .suspended)
    let (plan, batch) = turns.turn([]) { $0.apply(command(.resume, on: id, request: 2)) }
    #expect(plan.instances[id]?.state.status == .faulted)
    #expect(batch.deadLetters.map(\.reason) == ["uncaughtFault"])
    #expect(batch.deadLetters.first?.instance == id)
  }

  @Test func whatCannotBeDoneIsRefusedAndToldWhy() throws {
    var turns = Turns([try entry(1, oneCall)])
    let id = try started(&turns)
    let (plan, batch) = turns.turn([]) { $0.apply(command(.resume, on: id)) }
    guard case .refused(let why)? = batch.audit.first?.outcome else {
      Issue.record("not refused")
      return
    }
    #expect(!why.isEmpty)
    #expect(batch.updated.isEmpty)
    #expect(batch.journal.isEmpty)
    #expect(plan.ignored[.refused] == 1)
    #expect(!batch.isEmpty)
  }

  @Test func anUnknownInstanceVerbOrDefinition() throws {
    var turns = Turns([try entry(1, oneCall)])
    let id = try started(&turns)
    let (_, batch) = turns.turn([]) { plan in
      plan.apply(command(.suspend, on: UUIDValue(high: 1, low: 1), request: 1))
      plan.apply(queued("dance", ["verb": "dance"], on: id, request: 2))
    }
    #expect(batch.audit.map(\.outcome.word) == ["refused", "refused"])
    #expect(batch.audit[0].outcome.detail == "there is no such instance")
    #expect(batch.audit[1].outcome.detail.contains("dance"))
    var others = Turns([try entry(2, oneCall)])
    others.stored = turns.stored
    let (_, other) = others.turn([]) { $0.apply(command(.suspend, on: id)) }
    #expect(other.audit.first?.outcome.detail.contains("cannot be loaded") == true)
  }

  @Test func askedForTwiceItIsDoneOnce() throws {
    var turns = Turns([try entry(1, oneCall)])
    let id = try started(&turns)
    let (_, batch) = turns.turn([]) { plan in
      plan.apply(queued("suspend", Operation.suspend.json, on: id, isDone: true))
    }
    #expect(batch.audit.isEmpty)
    #expect(batch.commands == [1])
    #expect(batch.updated.isEmpty)
  }

  /// A reply and a verb in one turn: the reply was there first, so it counts.
  @Test func aReplyWinsAgainstAVerbOfTheSameTurn() throws {
    var turns = Turns([try entry(1, oneCall)])
    let id = try started(&turns)
    let request = try #require(turns.stored[id]?.state.activities.last).id
    let answer = reply(.completed(["a": 1]), to: "\(id.text).\(request).1", of: id.text)
    let (plan, batch) = turns.turn([answer]) { $0.apply(command(.cancel(compensating: false), on: id)) }
    #expect(plan.instances[id]?.state.status == .completed)
    #expect(batch.audit.first?.outcome.word == "refused")
  }

  /// And once the verb is committed, the reply comes too late.
  @Test func aReplyAfterAVerbIsLate() throws {
    var turns = Turns([try entry(1, oneCall)])
    let id = try started(&turns)
    let request = try #require(turns.stored[id]?.state.activities.last).id
    _ = turns.turn([]) { $0.apply(command(.cancel(compensating: false), on: id)) }
    let (plan, _) = turns.turn([reply(.completed(["a": 1]), to: "\(id.text).\(request).1", of: id.text)])
    #expect(plan.instances[id]?.state.status == .cancelled)
    #expect(plan.ignored[.terminal] == 1)
  }

  @Test func aReplayIsANewInstanceOfTheSameEvent() throws {
    var turns = Turns([try entry(1, oneCall), try entry(2, noCall, version: "1.1.0")])
    let id = try started(&turns)
    let old = try #require(turns.stored[id])
    let command = queued(OperatorCommand.replayVerb, ["latest": false], on: id, request: 5)
    let (_, batch) = turns.turn([]) { $0.apply(command) }
    let new = OperatorCommand.replayID(command.command.request)
    #expect(batch.audit.map(\.outcome) == [.applied(result: new)])
    let started = try #require(batch.started.first)
    #expect(started.id == new)
    #expect(started.definition == old.definition)
    #expect(started.state.input == old.state.input)
    #expect(started.eventID == old.eventID)
    // The same request once more finds it there.
    let (_, again) = turns.turn([]) { $0.apply(command) }
    #expect(again.started.isEmpty)
    let (_, latest) = turns.turn([]) { $0.apply(queued("replay", ["latest": true], on: id, request: 6)) }
    #expect(latest.started.first?.definition == 2)
  }

  @Test func anInstanceIsNotOpenedBesideAnotherOneWithItsOrderKey() throws {
    var turns = Turns([try entry(1, oneCall)])
    let id = try started(&turns)
    failed(id, &turns)
    let closed = try #require(turns.stored[id])
    turns.stored[id] = StoredInstance(
      shard: closed.shard, definition: closed.definition, key: closed.key, eventID: closed.eventID,
      eventSource: closed.eventSource, order: .init(key: "press-1", place: 1), state: closed.state)
    turns.openOrderKeys = ["press-1"]
    let (_, held) = turns.turn([]) { $0.apply(command(.retry, on: id)) }
    #expect(held.audit.first?.outcome.detail.contains("press-1") == true)
    turns.openOrderKeys = []
    let (_, free) = turns.turn([]) { $0.apply(command(.retry, on: id)) }
    #expect(free.audit.first?.outcome == .applied(result: nil))
  }

  // MARK: Another version

  private func migration(to version: String, on id: UUIDValue) -> QueuedCommand {
    queued(MigrationRequest.verb, MigrationRequest(version: version).json, on: id)
  }

  private func twoCalls(_ first: String = "") -> String {
    "schedule: {on: {one: {with: {type: go}}}}\ndo: [\(first){ask: {call: oracle}}, {tell: {call: sink}}]"
  }

  /// An instance of version 1.0.0, beside 1.1.0.
  private func moving(_ old: String, _ new: String) throws -> (Turns, UUIDValue) {
    var turns = Turns([try entry(1, old)])
    let id = try started(&turns)
    var both = Turns([try entry(1, old), try entry(2, new, version: "1.1.0")])
    (both.stored, both.head) = (turns.stored, turns.head)
    return (both, id)
  }

  @Test func anInstanceGoesOnInAnotherVersion() throws {
    var (turns, id) = try moving(twoCalls(), twoCalls("{first: {set: {x: 1}}}, "))
    let (_, batch) = turns.turn([]) { $0.apply(migration(to: "1.1.0", on: id)) }
    #expect(batch.audit.map(\.outcome) == [.applied(result: nil)])
    #expect(batch.updated.map(\.definition) == [2])
    #expect(batch.journal.flatMap(\.requests).isEmpty)
    #expect(batch.waits.isEmpty)
    // The reply to what was asked in the version before finds its task.
    let asked = try #require(turns.stored[id]?.state.activities.last)
    let (_, next) = turns.turn([reply(.completed(1), to: "\(id.text).\(asked.id).1", of: id.text)])
    #expect(next.journal.flatMap(\.requests).map(\.reference) == ["/do/2/tell"])
    #expect(turns.stored[id]?.definition == 2)
    let (_, again) = turns.turn([]) { $0.apply(migration(to: "1.1.0", on: id)) }
    #expect(again.audit.first?.outcome.detail.contains("already") == true)
  }

  /// The reply was there first: the instance goes on in its old version, and from there into the new one.
  @Test func aReplyWinsAgainstAMigrationOfTheSameTurn() throws {
    var (turns, id) = try moving(twoCalls(), "do: [{first: {set: {x: 1}}}, {tell: {call: sink}}]")
    let asked = try #require(turns.stored[id]?.state.activities.last)
    let answer = reply(.completed(1), to: "\(id.text).\(asked.id).1", of: id.text)
    // Without the reply it would be refused: 'ask' is gone.
    var others = turns
    let (_, alone) = others.turn([]) { $0.apply(migration(to: "1.1.0", on: id)) }
    #expect(alone.audit.first?.outcome.word == "refused")
    #expect(alone.updated.isEmpty)
    let (plan, batch) = turns.turn([answer]) { $0.apply(migration(to: "1.1.0", on: id)) }
    #expect(batch.audit.map(\.outcome) == [.applied(result: nil)])
    #expect(batch.journal.flatMap(\.requests).map(\.reference) == ["/do/1/tell"])
    #expect(plan.instances[id]?.definition == 2)
    #expect(plan.instances[id]?.state.activities.last?.reference == "/do/1/tell")
  }

  @Test func aVersionThatIsNotKnownIsLookedForOnce() throws {
    var turns = Turns([try entry(1, oneCall)])
    let id = try started(&turns)
    let (plan, batch) = turns.turn([]) { $0.apply(migration(to: "1.1.0", on: id)) }
    #expect(plan.unknownWorkflows == ["tests/example"])
    #expect(batch.audit.first?.outcome.detail.contains("deploy it first") == true)
  }

  @Test func whatListensIsFoundUnderTheSameKeys() throws {
    let listen = "{hear: {listen: {to: {one: {with: {type: paid}}}}}}"
    let schedule = "schedule: {on: {one: {with: {type: go}}}}\n"
    var (turns, id) = try moving(schedule + "do: [\(listen)]", schedule + "do: [{a: {set: {x: 1}}}, \(listen)]")
    let (_, batch) = turns.turn([]) { $0.apply(migration(to: "1.1.0", on: id)) }
    #expect(batch.updated.map(\.definition) == [2])
    #expect(batch.waits.isEmpty)
  }
}
