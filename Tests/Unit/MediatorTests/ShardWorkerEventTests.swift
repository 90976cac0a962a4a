import Engine
import Kafka
import Synchronization
import Testing
import Values
import Wire
import Workflow

@testable import Mediator

/// What a worker does about definitions that it learns of late, and about events that are wanted after all.
@Suite struct ShardWorkerEventTests {
  private let source = ScriptedSource()
  private let store = ScriptedStore()
  private let clock = ManualClock()

  private func worker(_ catalogs: some CatalogProvider) -> ShardWorker<ScriptedSource, HeldPublisher, ScriptedStore> {
    ShardWorker(
      takeover: firstTakeover, options: ShardOptions(), source: source, publisher: HeldPublisher(), store: store,
      catalogs: catalogs, clock: clock)
  }

  private static let parent = """
    schedule: {on: {one: {with: {type: go}}}}
    do: [{first: {run: {workflow: {namespace: tests, name: child, version: latest}}}}]
    """

  @Test func aChildThatWasDeployedAMomentAgoIsFound() async throws {
    let parent = try entry(1, Self.parent, name: "parent")
    let child = try entry(2, "do: [{answer: {set: {answer: 42}}}]", name: "child")
    source.batches = [[event()]]
    let worker = worker(LateCatalogs([parent], then: [parent, child]))
    for _ in 0..<2 { try await worker.turn() }
    #expect(store.commits.flatMap(\.started).map(\.state.status) == [.completed, .completed])
  }

  /// Another workflow wants the event too, so nothing but the commit tells that there is a new one.
  @Test func anEventIsReadAgainWhenAWorkflowWasDeployedMeanwhile() async throws {
    let (known, new) = (try entry(1, noCall, name: "known"), try entry(2, noCall, name: "new"))
    source.batches = [[event("7")]]
    store.conflicts = { $0.newestDefinition.map { $0 < 2 } ?? false }
    let worker = worker(LateCatalogs([known], then: [known, new]))
    for _ in 0..<2 { try await worker.turn() }
    #expect(store.commits.flatMap(\.started).map(\.definition).sorted() == [1, 2])
    #expect(store.commits.compactMap(\.newestDefinition) == [2])
  }

  /// The catalog is read again for another reason, after the event was decoded: the two must not get out of step.
  @Test func anEventIsReadByTheCatalogThatItIsPlannedWith() async throws {
    let parent = try entry(1, Self.parent, name: "parent")
    let child = try entry(2, "do: [{answer: {set: {answer: 42}}}]", name: "child")
    let other = try entry(3, noCall, name: "other")
    source.batches = [[event()]]
    let worker = worker(LateCatalogs([parent], then: [parent, child, other]))
    for _ in 0..<2 { try await worker.turn() }
    #expect(store.commits.flatMap(\.started).map(\.definition).sorted() == [1, 2, 3])
    #expect(store.commits.compactMap(\.newestDefinition) == [3])
  }

  @Test func repliesAndTimersDoNotDependOnWhatIsDeployed() async throws {
    let known = try entry(1, oneCall)
    source.batches = [[reply(.completed(nil), to: "x.1.1", of: instance.text)]]
    let worker = worker(LateCatalogs([known], then: [known]))
    for _ in 0..<2 { try await worker.turn() }
    #expect(store.commits.count == 1)
    #expect(store.commits.first?.newestDefinition == nil)
  }

  private let instance = UUIDValue(high: 1, low: 1)

  @Test func anItemForAWorkflowThatWasDeployedAMomentAgoIsDone() async throws {
    let (known, new) = (try entry(1, EventPlanTests.listener), try entry(2, noCall, name: "new"))
    let record = event("7")
    store.items = [
      InboxItem(number: 1, kind: .start, instance: nil, workflow: "tests/new", event: 1, record: record),
      InboxItem(number: 2, kind: .start, instance: nil, workflow: "tests/gone", event: 1, record: record),
    ]
    let worker = worker(LateCatalogs([known], then: [known, new]))
    for _ in 0..<2 { try await worker.turn() }
    #expect(store.commits.flatMap(\.started).map(\.definition) == [2])
    #expect(store.commits.flatMap(\.handled).map(\.number) == [1, 2])
    #expect(store.commits.flatMap(\.deadLetters).map(\.reason) == ["unknownType"])
  }

  @Test func aScheduleOfANewerVersionMakesItLook() async throws {
    let shards: Int32 = 1
    #expect(ShardHome.of("tests/example", shards: shards) == 0)
    let (old, new) = (
      try entry(1, "schedule: {every: PT1M}\n" + noTask),
      try entry(2, "schedule: {every: PT2M}\n" + noTask, version: "2.0.0")
    )
    store.rows = [ScheduleRow(workflow: "tests/example", definition: 2, nextAt: start)]
    let worker = worker(LateCatalogs([old], then: [old, new]))
    for _ in 0..<2 { try await worker.turn() }
    #expect(store.commits.flatMap(\.started).map(\.definition) == [2])
    #expect(store.commits.flatMap(\.schedules).map(\.nextAt) == [start + .seconds(120)])
  }

  /// What cannot be stored once may be stored another time: the schedule goes on, and somebody is told.
  @Test(arguments: [("every: PT1M", 60), ("after: PT3M", 180)])
  func aScheduledStartThatCannotBeStoredIsSkippedAloud(schedule: String, pause: Int) async throws {
    let entry = try entry(1, "schedule: {\(schedule)}\n" + noTask)
    store.rows = [ScheduleRow(workflow: "tests/example", definition: 1, nextAt: start)]
    store.refuses = { !$0.started.isEmpty }
    let worker = worker(LateCatalogs([entry], then: [entry]))
    var told: [GivenUp] = []
    for _ in 0..<2 { told += try await worker.turn().givenUp }
    #expect(told == [GivenUp(what: .scheduledStart, subject: "tests/example", reason: "refused")])
    #expect(store.commits.flatMap(\.schedules).map(\.nextAt) == [start + .seconds(pause)])
    #expect(store.commits.flatMap(\.unscheduled).isEmpty)
    store.refuses = { _ in false }
    clock.advance(by: .seconds(pause))
    try await worker.turn()
    #expect(store.commits.flatMap(\.started).count == 1)
  }

  private let noTask = "do: [{answer: {set: {answer: 42}}}]"

  /// The rest of the turn's work is done without it, and nothing that was not committed is published.
  @Test func anEventThatIsWantedAfterAllDoesNotExpire() async throws {
    let known = try entry(1, EventPlanTests.listener)
    source.batches = [[event("1", value: "{\"n\":1}")]]
    store.expiring = [ExpiredEvent(number: 9, unused: event("9", type: "paid"), keys: ["paid"])]
    store.conflicts = { !$0.expired.isEmpty }
    let worker = worker(LateCatalogs([known], then: [known]))
    for _ in 0..<2 { try await worker.turn() }
    #expect(store.commits.count == 1)
    #expect(store.commits.flatMap(\.started).count == 1)
    #expect(store.commits.flatMap(\.deadLetters).isEmpty)
    #expect(store.commits.flatMap(\.expired).isEmpty)
  }

  @Test func nothingButAnEventThatIsWantedAfterAll() async throws {
    let known = try entry(1, EventPlanTests.listener)
    store.expiring = [ExpiredEvent(number: 9, unused: event("9", type: "paid"), keys: ["paid"])]
    store.conflicts = { !$0.expired.isEmpty }
    let worker = worker(LateCatalogs([known], then: [known]))
    for _ in 0..<3 { try await worker.turn() }
    #expect(store.commits.isEmpty)
  }
}

/// Knows more once it has looked.
final class LateCatalogs: CatalogProvider {
  private let known: Mutex<DefinitionCatalog>
  private let later: DefinitionCatalog

  init(_ now: [DefinitionCatalog.Entry], then later: [DefinitionCatalog.Entry]) {
    known = Mutex(DefinitionCatalog(now))
    self.later = DefinitionCatalog(later)
  }

  func current() async throws(MediatorError) -> DefinitionCatalog { known.withLock { $0 } }

  func refreshed() async throws(MediatorError) -> DefinitionCatalog {
    known.withLock { $0 = later }
    return later
  }
}
