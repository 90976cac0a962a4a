import Engine
import Kafka
import Testing
import Values
import Wire
import Workflow

@testable import Mediator

/// Instances that start, await, and cancel others; and those that the time starts.
@Suite struct RelationPlanTests {
  private static func run(_ name: String, await isAwaited: Bool = true) -> String {
    "{run: {await: \(isAwaited), workflow: {namespace: tests, name: \(name), version: 1.0.0, input: {n: 1}}}}"
  }

  private static func parent(_ tasks: String) -> String {
    """
    schedule: {on: {one: {with: {type: go}}}}
    do:
    \(tasks)
    """
  }

  private static let asking = "do: [{ask: {call: oracle}}]"
  private static let quick = "do: [{answer: {set: {answer: \"${ .n + 41 }\"}}}]"
  private static let failing = "do: [{fail: {raise: {error: {type: about:blank, status: 418, title: no}}}}]"

  private func turns(_ tasks: String, child: String) throws -> Turns {
    Turns([try entry(1, Self.parent(tasks), name: "parent"), try entry(2, child, name: "child")])
  }

  private func expectWhole(_ plan: TurnPlan, _ batch: ShardBatch, _ location: Testing.SourceLocation = #_sourceLocation)
  {
    let ended = (batch.started + batch.updated).count { $0.state.status.isTerminal }
    #expect(plan.endedCount.values.reduce(0, +) == ended, "each end counts once", sourceLocation: location)
    #expect(
      batch.journal.map(\.sequence) == (101..<101 + Int64(batch.journal.count)).map { $0 }, sourceLocation: location)
  }

  @Test func aChildThatEndsAtOnceIsToldInTheSameBatch() throws {
    var turns = try turns("  - first: \(Self.run("child"))\n  - second: \(Self.run("child"))", child: Self.quick)
    let (plan, batch) = turns.turn([event()])
    #expect(batch.started.map(\.definition) == [1, 2, 2])
    #expect(batch.started.allSatisfy { $0.state.status == .completed })
    #expect(batch.started.first?.state.output == ["answer": 42])
    let parent = batch.started[0]
    #expect(batch.started[1].parent == parent.id)
    #expect(batch.started[1].key == parent.key)
    #expect(plan.missing.isEmpty)
    expectWhole(plan, batch)
  }

  @Test func aChildsEndGoesToItsParentInTheSameBatch() throws {
    var turns = try turns("  - first: \(Self.run("child"))", child: Self.asking)
    let (_, begun) = turns.turn([event()])
    #expect(begun.started.map(\.state.status) == [.running, .running])
    let child = begun.started[1].id.text
    let (plan, batch) = turns.turn([reply(.completed(["x": 1]), to: "\(child).1.1", of: child)])
    #expect(Set(batch.updated.map(\.state.status)) == [.completed])
    #expect(batch.updated.count == 2)
    #expect(batch.updated.first { $0.definition == 1 }?.state.output == ["x": 1])
    #expect(plan.endedCount == [.completed: 2])
  }

  @Test func aChildsFaultIsItsParents() throws {
    var turns = try turns("  - first: \(Self.run("child"))", child: Self.failing)
    let (plan, batch) = turns.turn([event()])
    #expect(batch.started.map(\.state.status) == [.faulted, .faulted])
    #expect(batch.started[0].state.error?.status == 418)
    #expect(batch.started[0].state.error?.instance == "/do/0/first")
    expectWhole(plan, batch)
  }

  @Test func nobodyWaitsForAChildThatIsNotAwaited() throws {
    var turns = try turns("  - first: \(Self.run("child", await: false))", child: Self.asking)
    let (_, batch) = turns.turn([event()])
    #expect(batch.started.map(\.state.status) == [.completed, .running])
    let child = batch.started[1].id.text
    let (plan, ended) = turns.turn([reply(.completed(nil), to: "\(child).1.1", of: child)])
    #expect(ended.updated.map(\.state.status) == [.completed])
    #expect(plan.endedCount == [.completed: 1])
  }

  @Test(arguments: [true, false])
  func aWorkflowThatIsNotDeployedIsAnErrorOfConfiguration(isAwaited: Bool) throws {
    var turns = try turns("  - first: \(Self.run("nobody", await: isAwaited))", child: Self.quick)
    let (plan, batch) = turns.turn([event()])
    #expect(plan.unknownWorkflows == ["tests/nobody"])
    #expect(batch.started.map(\.state.status) == [.faulted])
    #expect(batch.started[0].state.error?.type.hasSuffix("/configuration") == true)
    expectWhole(plan, batch)
  }

  /// It may not take a turn without end.
  @Test(arguments: [true, false])
  func aLoopOverOthersThatEndAtOnceIsCutIntoTurns(isAwaited: Bool) throws {
    let loop = """
        - all: {for: {each: n, in: "${ [range(2500)] }"}, do: [{one: \(Self.run("child", await: isAwaited))}]}
      """
    var turns = try turns(loop, child: Self.quick)
    let (_, first) = turns.turn([event()])
    let parent = first.started[0].id
    var counts = [first.started.count - 1]
    while turns.stored[parent]?.state.status.isTerminal == false, counts.count < 20 {
      #expect(turns.stored[parent]?.state.wakeAt == turns.now)
      counts.append(turns.turn([]) { $0.wake(parent) }.1.started.count)
    }
    #expect(counts.reduce(0, +) == 2500)
    #expect(counts.allSatisfy { $0 <= TurnPlan.maxAnswers + 1 })
    #expect(turns.stored[parent]?.state.status == .completed)
  }

  /// What the first branch leads to must not overtake the start of the second.
  @Test func theLoserOfARaceIsCancelledThoughItBeganInTheSameStep() throws {
    let tasks = """
        - race:
            fork:
              compete: true
              branches: [{a: \(Self.run("child"))}, {b: \(Self.run("slow"))}]
      """
    var turns = Turns([
      try entry(1, Self.parent(tasks), name: "parent"), try entry(2, Self.quick, name: "child"),
      try entry(3, Self.asking, name: "slow"),
    ])
    let (plan, batch) = turns.turn([event()])
    #expect(batch.started.map(\.definition) == [1, 2, 3])
    #expect(batch.started.map(\.state.status) == [.completed, .completed, .cancelled])
    #expect(plan.missing.isEmpty)
    expectWhole(plan, batch)
  }

  @Test func whoIsGivenUpIsCancelledWithItsOwnChildren() throws {
    let middle = "do: [{first: \(Self.run("child"))}]"
    let tasks = "  - first: {timeout: {after: PT1M}, run: {workflow: {namespace: tests, name: middle, version: 1.0.0}}}"
    var turns = Turns([
      try entry(1, Self.parent(tasks), name: "parent"), try entry(2, Self.asking, name: "child"),
      try entry(3, middle, name: "middle"),
    ])
    let (_, begun) = turns.turn([event()])
    #expect(begun.started.count == 3)
    turns.now = start + .seconds(60)
    let parent = begun.started[0].id
    // Only the parent was asked for: the plan says whom it needs.
    let all = turns.stored
    turns.stored = [parent: begun.started[0]]
    let (incomplete, _) = turns.turn([]) { $0.wake(parent) }
    #expect(incomplete.missing == [begun.started[1].id])
    turns.stored = all
    let (plan, batch) = turns.turn([]) { $0.wake(parent) }
    #expect(plan.missing.isEmpty)
    let byDefinition = Dictionary(uniqueKeysWithValues: batch.updated.map { ($0.definition, $0.state.status) })
    #expect(byDefinition == [1: .faulted, 2: .cancelled, 3: .cancelled])
    #expect(plan.endedCount == [.faulted: 1, .cancelled: 2])
  }

  @Test func aParentThatIsNotLoadedIsAskedFor() throws {
    var turns = try turns("  - first: \(Self.run("child"))", child: Self.asking)
    let (_, begun) = turns.turn([event()])
    let child = begun.started[1]
    turns.stored = [child.id: child]
    let answer = reply(.completed(nil), to: "\(child.id.text).1.1", of: child.id.text)
    #expect(turns.turn([answer]).0.missing == [begun.started[0].id])
    turns.stored = [child.id: child]
    turns.absent = [begun.started[0].id]
    #expect(turns.turn([answer]).0.missing.isEmpty)
  }

  // MARK: Schedules

  private func row(_ due: Timestamp?, _ definition: Int32 = 1) -> ScheduleRow {
    ScheduleRow(workflow: "tests/example", definition: definition, nextAt: due)
  }

  @Test func aDueScheduleStartsOneInstance() throws {
    var turns = Turns([try entry(1, "schedule: {every: PT1M}\n" + Self.asking)])
    let due = start - .seconds(1)
    let (_, batch) = turns.turn([]) { $0.fire(row(due), at: due) }
    let instance = try #require(batch.started.first)
    #expect(
      instance.id == InstanceID.make(workflow: "tests/example", source: "/schedules/tests/example", id: due.rfc3339))
    #expect(instance.eventID == due.rfc3339)
    #expect(instance.state.input == [:])
    #expect(batch.schedules == [row(due + .seconds(60))])
    // The same instant again: nothing but the next one.
    let (_, again) = turns.turn([]) { $0.fire(row(due), at: due) }
    #expect(again.started.isEmpty)
    #expect(again.schedules == [row(due + .seconds(60))])
  }

  @Test func missedInstantsCollapse() throws {
    var turns = Turns([try entry(1, "schedule: {every: PT1M}\n" + Self.asking)])
    let due = start - .seconds(3605)
    let (_, batch) = turns.turn([]) { $0.fire(row(due), at: due) }
    #expect(batch.started.count == 1)
    #expect(batch.schedules == [row(start + .seconds(55))])
    // Whatever the period and the delay, the grid stays exact.
    for number in 1...300 {
      let milliseconds = Int64(number % 97 * 1000 + number % 7 * 111 + 1)
      let schedule = try #require(
        try definition("schedule: {every: {milliseconds: \(milliseconds)}}\n" + Self.asking).schedule)
      let now = start + .milliseconds(Int64(number) * 9_973_117)
      let next = try #require(schedule.next(after: start, now: now))
      #expect((next.microseconds - start.microseconds) % (milliseconds * 1000) == 0 && next > now)
      #expect(next.microseconds - now.microseconds <= milliseconds * 1000)
    }
  }

  @Test func afterTheEndComesTheNext() throws {
    var turns = Turns([try entry(1, "schedule: {after: PT30S}\n" + Self.asking)])
    let (_, begun) = turns.turn([]) { $0.fire(row(start), at: start) }
    #expect(begun.schedules == [row(nil)])
    let id = try #require(begun.started.first).id.text
    turns.now = start + .seconds(7)
    let (_, ended) = turns.turn([reply(.completed(nil), to: "\(id).1.1", of: id)])
    #expect(ended.schedules == [row(start + .seconds(37))])
    // It has ended, and the instant comes again: the next one must come all the same.
    turns.now = start + .seconds(9)
    let (_, again) = turns.turn([]) { $0.fire(row(start), at: start) }
    #expect(again.started.isEmpty)
    #expect(again.schedules == [row(start + .seconds(39))])
  }

  @Test func afterTheEndInTheStepThatStarts() throws {
    var turns = Turns([
      try entry(1, "schedule: {after: PT30S}\n" + Self.quick.replacing("${ .n + 41 }", with: "${ 1 }"))
    ])
    let (_, batch) = turns.turn([]) { $0.fire(row(start), at: start) }
    #expect(batch.started.map(\.state.status) == [.completed])
    #expect(batch.schedules == [row(start + .seconds(30))])
  }

  @Test func cronGoesByTheClock() throws {
    var turns = Turns([try entry(1, "schedule: {cron: '*/5 * * * *'}\n" + Self.asking)])
    let due = Timestamp(microseconds: 1_699_999_800_000_000)
    let (_, batch) = turns.turn([]) { $0.fire(row(due), at: due) }
    #expect(batch.schedules == [row(Timestamp(microseconds: 1_700_000_100_000_000))])
  }

  @Test func aWorkflowWithoutAScheduleIsTakenOff() throws {
    var turns = Turns([try entry(1, Self.asking)])
    let (_, batch) = turns.turn([]) { $0.fire(row(start), at: start) }
    #expect(batch.started.isEmpty)
    #expect(batch.unscheduled == ["tests/example"])
  }

  // MARK: Which there are

  private func catalog(_ schedules: [String?]) throws -> DefinitionCatalog {
    DefinitionCatalog(
      try schedules.enumerated().map { place, schedule in
        try entry(
          Int32(place + 1), (schedule.map { "schedule: {\($0)}\n" } ?? "") + Self.asking, version: "1.\(place).0")
      })
  }

  private var home: Int32 { ShardHome.of("tests/example", shards: 4) }

  private func seconds(_ time: Timestamp?) -> Int64 {
    time.map { ($0.microseconds - start.microseconds) / 1_000_000 } ?? -1
  }

  private func kinds(_ work: [TurnWork]) -> [String] {
    work.map { item in
      switch item {
      case .schedule(let row): "schedule \(row.definition) \(seconds(row.nextAt))"
      case .unschedule: "unschedule"
      case .fire(let row, _): "fire \(row.definition)"
      default: "?"
      }
    }
  }

  @Test func aNewScheduleIsNotedByItsHomeAlone() throws {
    for shard in 0..<4 as Range<Int32> {
      var schedules = ShardSchedules(shard: shard, shards: 4, rows: [])
      #expect(
        kinds(schedules.work(try catalog(["every: PT1M"]), now: start)) == (shard == home ? ["schedule 1 60"] : []))
    }
  }

  @Test func whatIsNotCommittedIsDoneAgain() throws {
    let catalog = try catalog(["every: PT1M"])
    var schedules = ShardSchedules(shard: home, shards: 4, rows: [])
    _ = schedules.work(catalog, now: start)
    #expect(kinds(schedules.work(catalog, now: start)) == ["schedule 1 60"])
    var batch = ShardBatch(number: 1, journalHead: 0, publishMark: 0)
    batch.schedules = [row(start + .seconds(60))]
    schedules.committed(batch)
    #expect(schedules.work(catalog, now: start + .seconds(59)).isEmpty)
    #expect(kinds(schedules.work(catalog, now: start + .seconds(60))) == ["fire 1"])
    #expect(kinds(schedules.work(catalog, now: start + .seconds(60))) == ["fire 1"])
    batch.schedules = []
    batch.unscheduled = ["tests/example"]
    schedules.committed(batch)
    #expect(schedules.work(catalog, now: start + .seconds(60)).isEmpty)
  }

  @Test func aNewVersionHasItsOwnSchedule() throws {
    var schedules = ShardSchedules(shard: home, shards: 4, rows: [row(start)])
    #expect(kinds(schedules.work(try catalog(["every: PT1M", "every: PT2M"]), now: start)) == ["schedule 2 120"])
    #expect(kinds(schedules.work(try catalog(["every: PT1M", nil]), now: start)) == ["unschedule"])
    #expect(kinds(schedules.work(try catalog(["every: PT1M", "after: PT2M"]), now: start)) == ["schedule 2 0"])
  }

  @Test func aRetiredVersionHasNoSchedule() throws {
    let both = try catalog(["every: PT1M", "every: PT2M"]).all
    var schedules = ShardSchedules(shard: home, shards: 4, rows: [row(start, 2)])
    let one = DefinitionCatalog(both, newest: 3, retired: [2])
    #expect(!schedules.isAhead(of: one))
    #expect(kinds(schedules.work(one, now: start)) == ["schedule 1 60"])
    let none = DefinitionCatalog(both, newest: 4, retired: [1, 2])
    #expect(kinds(schedules.work(none, now: start)) == ["unschedule"])
    var batch = ShardBatch(number: 1, journalHead: 0, publishMark: 0)
    batch.unscheduled = ["tests/example"]
    schedules.committed(batch)
    #expect(schedules.work(none, now: start).isEmpty)
    #expect(kinds(schedules.work(DefinitionCatalog(both, newest: 5, retired: [1]), now: start)) == ["schedule 2 120"])
  }

  /// Numbers are in the order of deployment, versions are not: the one that a row is of may be the younger and the lower.
  @Test func aRestoredVersionTakesItsScheduleBack() throws {
    let entries = [
      try entry(1, "schedule: {every: PT1M}\n" + Self.asking, version: "1.0.0"),
      try entry(2, "schedule: {every: PT2M}\n" + Self.asking, version: "2.0.0"),
      try entry(4, "schedule: {every: PT3M}\n" + Self.asking, version: "1.0.1"),
    ]
    var schedules = ShardSchedules(shard: home, shards: 4, rows: [row(start, 4)])
    #expect(schedules.work(DefinitionCatalog(entries, newest: 4, retired: [2]), now: start).count == 1)
    let restored = DefinitionCatalog(entries, newest: 5)
    #expect(!schedules.isAhead(of: restored))
    #expect(kinds(schedules.work(restored, now: start)) == ["schedule 2 120"])
  }

  /// Restored while an instance runs after whose end the next one starts: no second chain begins beside it. Restored after
  /// that has ended, the chain begins anew.
  @Test func aChainIsNotDoubledByARetirement() throws {
    let entries = [try entry(1, "schedule: {after: PT30S}\n" + Self.asking)]
    let (live, retired) = (DefinitionCatalog(entries), DefinitionCatalog(entries, newest: 2, retired: [1]))
    var turns = Turns(entries)
    let (_, begun) = turns.turn([]) { $0.fire(row(start), at: start) }
    #expect(begun.schedules == [row(nil)])
    var schedules = ShardSchedules(shard: home, shards: 4, rows: [row(start)])
    schedules.committed(begun)
    #expect(schedules.work(retired, now: start).isEmpty)
    #expect(schedules.work(DefinitionCatalog(entries, newest: 3), now: start).isEmpty)

    turns.catalog = retired
    let id = try #require(begun.started.first).id.text
    let (_, ended) = turns.turn([reply(.completed(nil), to: "\(id).1.1", of: id)])
    #expect(ended.schedules.isEmpty)
    #expect(ended.unscheduled == ["tests/example"])
    schedules.committed(ended)
    #expect(schedules.work(retired, now: start).isEmpty)
    #expect(kinds(schedules.work(live, now: start)) == ["schedule 1 0"])
  }

  /// The version that is left is started by events, and not by the time.
  @Test func whatEventsStartIsNotStartedByTheTime() throws {
    let entries = [
      try entry(1, "schedule: {on: {one: {with: {type: go}}}}\n" + Self.asking, version: "1.0.0"),
      try entry(2, "schedule: {every: PT1M}\n" + Self.asking, version: "2.0.0"),
    ]
    var turns = Turns(entries, retired: [2])
    let (_, batch) = turns.turn([]) { $0.fire(row(start, 2), at: start) }
    #expect(batch.started.isEmpty)
    #expect(batch.unscheduled == ["tests/example"])
    let (_, skipped) = turns.turn([]) { $0.skip(row(start, 2), at: start) }
    #expect(skipped.schedules.isEmpty)
    #expect(skipped.unscheduled == ["tests/example"])
  }

  /// A turn is planned again when a version was retired meanwhile: what the look before had found does not hold then.
  @Test func whatWasFoundOutBeforeARetirementIsNotWritten() throws {
    let both = try catalog(["every: PT1M", "every: PT2M"]).all
    var turns = Turns(both, retired: [2])
    #expect(turns.turn([], { $0.plan(row(start, 2)) }).1.schedules == [])
    #expect(turns.turn([], { $0.plan(row(start, 1)) }).1.schedules == [row(start, 1)])
    #expect(turns.turn([], { $0.unschedule("tests/example") }).1.unscheduled == [])
    turns = Turns(both, retired: [1, 2])
    #expect(turns.turn([], { $0.unschedule("tests/example") }).1.unscheduled == ["tests/example"])
    #expect(turns.turn([], { $0.fire(row(start, 2), at: start) }).1.unscheduled == ["tests/example"])
  }

  /// The owner before knew of a newer version than this process does.
  @Test func aScheduleDoesNotGoBackToAnOlderVersion() throws {
    let old = try catalog(["every: PT1M"])
    var schedules = ShardSchedules(shard: home, shards: 4, rows: [row(start - .seconds(1), 2)])
    #expect(schedules.isAhead(of: old))
    #expect(schedules.work(old, now: start).isEmpty)
    let new = try catalog(["every: PT1M", "every: PT2M"])
    #expect(!schedules.isAhead(of: new))
    #expect(kinds(schedules.work(new, now: start)) == ["fire 2"])
  }
}
