import Kafka
import Logging
import Testing
import Values
import Wire

@testable import Processors

struct ProcessorLoopTests {
  private let clock = TestClock()
  private let source = TestSource()
  private let store = TestStore()
  private let partition = TopicPartition(topic: "mediator.channel.test", partition: 0)

  private func loop(
    _ publisher: TestPublisher, maxOpen: Int = 4000, positions: TestPositions? = nil
  ) -> ProcessorLoop {
    var options = ProcessorLoopOptions(name: "test")
    options.maxOpen = maxOpen
    options.commitInterval = .zero
    return ProcessorLoop(
      options: options, intake: Intake(.mediator), source: source, publisher: publisher,
      sink: BatchSink(handler: EchoHandler(), store: store, clock: clock), positions: positions, clock: clock,
      metrics: ProcessorMetrics(name: "test", logger: Logger(label: "t", factory: { _ in SwiftLogNoOpLogHandler() })))
  }

  @Test func eventsAreActedOnRepliedToAndCommitted() async throws {
    let publisher = TestPublisher()
    let loop = loop(publisher)
    source.give([record("a", offset: 5, data: 1), record("b", offset: 6, data: 2)])
    #expect(try await loop.turn() == 2)
    #expect(await store.effects == ["a", "b"])
    #expect(publisher.records.map(\.partition) == [2, 2])
    #expect(publisher.records.map(\.topic) == ["mediator.replies", "mediator.replies"])
    #expect(publisher.records.compactMap(\.reply?.causationID) == ["a.1", "b.1"])
    #expect(publisher.records.compactMap(\.reply?.kind) == [.completed(1), .completed(2)])
    #expect(publisher.records.map(\.key) == [Array("k".utf8), Array("k".utf8)])
    #expect(source.committed == [partition: 7])
  }

  // MARK: The database's own positions

  @Test func theDatabaseIsNeverBehindTheGroup() async throws {
    let positions = TestPositions()
    let loop = loop(TestPublisher(), positions: positions)
    await loop.assign([partition])
    source.give([record("a", offset: 5)])
    await positions.fail(ProcessorError(.store, "down"))
    try await loop.turn()
    #expect(source.committed == [:], "the group waits for the database")
    try await loop.turn()
    #expect(await positions.saved == [partition: 6])
    #expect(source.committed == [partition: 6])
  }

  @Test func anOlderDatabaseTakesTheGroupBack() async throws {
    try await source.commit([partition: 9])
    let loop = loop(TestPublisher(), positions: TestPositions([partition: 4]))
    await loop.assign([partition])
    #expect(source.committed == [partition: 4])
    #expect(try await loop.turn() == 0)
    // A group that is behind (it crashed between the two) reads again, and the inbox knows.
    let other = TopicPartition(topic: partition.topic, partition: 1)
    try await source.commit([other: 2])
    let second = self.loop(TestPublisher(), positions: TestPositions([other: 7]))
    await second.assign([other])
    #expect(source.committed[other] == 2)
  }

  /// Nothing is read before it is known; and what may have been read from the wrong place is not used.
  @Test func whatCouldNotBeComparedIsComparedFirst() async throws {
    try await source.commit([partition: 9])
    let positions = TestPositions([partition: 4])
    let loop = loop(TestPublisher(), positions: positions)
    for _ in 0..<2 { await positions.fail(ProcessorError(.store, "down")) }
    await loop.assign([partition])
    source.give([record("a", offset: 9)])
    let failure = await #expect(throws: ProcessorError.self) { try await loop.turn() }
    #expect(failure?.code == .store)
    let lost = await #expect(throws: ProcessorError.self) { try await loop.turn() }
    #expect(lost?.code == .memberLost)
    #expect(source.committed == [partition: 4])
    #expect(source.asked.isEmpty)
  }

  /// An older database was put back while the member works: it joins again.
  @Test func aDatabaseThatSaysSomethingElseEndsTheMembership() async throws {
    let positions = TestPositions()
    let loop = loop(TestPublisher(), positions: positions)
    await loop.assign([partition])
    source.give([record("a", offset: 5)])
    await positions.fail(ProcessorError(.memberLost, "put back"))
    let lost = await #expect(throws: ProcessorError.self) { try await loop.turn() }
    #expect(lost?.code == .memberLost)
    #expect(source.committed == [:])
  }

  // MARK: A group that goes on without this member

  /// The client joins again by itself: until then nothing is read, and the membership goes on.
  @Test func whoIsOutOfTheGroupReadsNothingUntilItIsBack() async throws {
    let loop = loop(TestPublisher())
    await loop.assign([partition])
    source.refuse(ProcessorError(.fenced, "the generation is over"))
    source.give([record("a", offset: 5)])
    source.give([record("b", offset: 6)])
    #expect(try await loop.turn() == 1)
    clock.advance(.seconds(9))
    #expect(try await loop.turn() == 0)
    await loop.lose([partition])
    source.refuse(nil)
    await loop.assign([partition])
    #expect(try await loop.turn() == 1)
    #expect(source.committed == [partition: 7])
  }

  /// A client that does not notice would be waited for for ever.
  @Test func whoStaysOutOfTheGroupJoinsAnew() async throws {
    let loop = loop(TestPublisher())
    source.refuse(ProcessorError(.fenced, "the generation is over"))
    source.give([record("a", offset: 5)])
    #expect(try await loop.turn() == 1)
    clock.advance(.seconds(11))
    let lost = await #expect(throws: ProcessorError.self) { try await loop.turn() }
    #expect(lost?.code == .memberLost)
  }

  /// The client has told of what is lost, and what is given anew, before the refusal arrives.
  @Test func aRefusalFromBeforeAChangeHoldsUpNothing() async throws {
    let loop = loop(TestPublisher())
    await loop.assign([partition])
    source.refuse(ProcessorError(.fenced, "the generation is over")) { [partition] in
      await loop.lose([partition])
      await loop.assign([partition])
    }
    source.give([record("a", offset: 5)])
    try await loop.turn()
    source.refuse(nil)
    source.give([record("a", offset: 5)])
    #expect(try await loop.turn() == 1)
    #expect(source.committed == [partition: 6])
  }

  /// Whether there is something to commit or not: nothing pauses for ever.
  @Test func aPauseHasAnEndWithoutACommit() async throws {
    let loop = loop(TestPublisher())
    source.refuse(ProcessorError(.fenced, "the generation is over"))
    source.give([record("a", offset: 5)])
    try await loop.turn()
    source.refuse(ProcessorError(.source, "no answer"))
    clock.advance(.seconds(9))
    #expect(try await loop.turn() == 0)
    clock.advance(.seconds(2))
    let lost = await #expect(throws: ProcessorError.self) { try await loop.turn() }
    #expect(lost?.code == .memberLost)
  }

  @Test func aClockThatIsSetBackMakesNoPauseLonger() async throws {
    let loop = loop(TestPublisher())
    source.refuse(ProcessorError(.fenced, "the generation is over"))
    source.give([record("a", offset: 5)])
    try await loop.turn()
    clock.advance(.seconds(-3600))
    #expect(try await loop.turn() == 0)
    clock.advance(.seconds(11))
    let lost = await #expect(throws: ProcessorError.self) { try await loop.turn() }
    #expect(lost?.code == .memberLost)
  }

  @Test func oneRefusalThatPassesIsForgotten() async throws {
    let loop = loop(TestPublisher())
    source.refuse(ProcessorError(.fenced, "the generation is over"))
    source.give([record("a", offset: 5)])
    try await loop.turn()
    source.refuse(nil)
    clock.advance(.seconds(1))
    try await loop.turn()
    source.give([record("b", offset: 6)])
    #expect(try await loop.turn() == 1)
  }

  @Test func aTurnWithoutRecordsDoesNothing() async throws {
    let loop = loop(TestPublisher())
    #expect(try await loop.turn() == 0)
    #expect(await store.calls == 0)
  }

  @Test func aRedeliveryGetsTheStoredReplyAndNoEffect() async throws {
    let publisher = TestPublisher()
    let loop = loop(publisher)
    source.give([record("a", offset: 5, data: 1)])
    source.give([record("a", offset: 6, attempt: 2, data: 99)])
    try await loop.turn()
    try await loop.turn()
    #expect(await store.effects == ["a"])
    #expect(publisher.records.compactMap(\.reply?.causationID) == ["a.1", "a.2"])
    #expect(publisher.records.compactMap(\.reply?.kind) == [.completed(1), .completed(1)])
  }

  @Test func offsetsWaitForTheirReplies() async throws {
    let publisher = TestPublisher(automatic: false)
    let loop = loop(publisher)
    source.give([record("a", offset: 5)])
    try await loop.turn()
    #expect(source.committed == [:])
    source.give([record("b", offset: 6)])
    try await loop.turn()
    #expect(source.committed == [:])
    publisher.answer()
    try await loop.turn()
    #expect(source.committed == [partition: 7])
  }

  @Test func aClockSetBackHoldsUpNeitherRepliesNorOffsets() async throws {
    let publisher = TestPublisher(automatic: false)
    let loop = loop(publisher)
    source.give([record("a", offset: 5)])
    try await loop.turn()
    publisher.answer { _ in .failed("down") }
    clock.advance(.seconds(-3600))
    try await loop.turn()
    clock.advance(.seconds(1))
    try await loop.turn()
    publisher.answer()
    try await loop.turn()
    #expect(publisher.records.count == 2)
    #expect(source.committed == [partition: 6])
  }

  @Test func aReplyThatWasNotWrittenIsSentAgain() async throws {
    let publisher = TestPublisher(automatic: false)
    let loop = loop(publisher)
    source.give([record("a", offset: 5)])
    try await loop.turn()
    publisher.answer { _ in .failed("fatal") }
    clock.advance(.seconds(1))
    try await loop.turn()
    publisher.answer()
    try await loop.turn()
    #expect(publisher.records.count == 2)
    #expect(publisher.records.first == publisher.records.last)
    #expect(source.committed == [partition: 6])
    #expect(await store.effects == ["a"])
  }

  @Test func aReplyThatIsTooLargeBecomesAFailure() async throws {
    let publisher = TestPublisher(automatic: false)
    let loop = loop(publisher)
    source.give([record("a", offset: 5, data: .string(String(repeating: "x", count: 20_000)))])
    try await loop.turn()
    publisher.answer { _ in .refused(.tooLarge) }
    publisher.answer()
    try await loop.turn()
    guard case .failed(let failure)? = publisher.records.last?.reply?.kind else { throw Unexpected() }
    #expect(failure.problem.status == 413)
    #expect(!failure.retryable)
    #expect(source.committed == [partition: 6])
  }

  @Test func aReplyThatNoBrokerTakesStopsNothing() async throws {
    let publisher = TestPublisher(automatic: false)
    let loop = loop(publisher)
    source.give([record("a", offset: 5)])
    try await loop.turn()
    publisher.answer { _ in .refused(.other("no such topic")) }
    try await loop.turn()
    #expect(source.committed == [partition: 6])
  }

  /// Its record is in its topic still, and the log says where.
  @Test func aDeadLetterThatNoBrokerTakesIsToldOf() async throws {
    let publisher = TestPublisher(automatic: false)
    let pipeline = ReplyPipeline(publisher: publisher)
    let place = RecordPlace(record("a", offset: 5))
    pipeline.open([place])
    pipeline.finish([
      ReplyPipeline.Parcel(place: place, records: [.init(OutgoingRecord(topic: "mediator.dead-letters"))])
    ])
    publisher.answer { _ in .refused(.other("not authorised")) }
    #expect(
      pipeline.takeRefusals() == [.init(reason: "not authorised", place: place, isDeadLetter: true)])
    #expect(pipeline.takeRefusals().isEmpty)
  }

  @Test func whatCannotBeReadIsADeadLetterAndThePartitionGoesOn() async throws {
    let publisher = TestPublisher()
    let loop = loop(publisher)
    var broken = record("a", offset: 5)
    broken.value = Array("{not json".utf8)
    source.give([broken, record("b", offset: 6)])
    try await loop.turn()
    #expect(publisher.records.map(\.topic) == ["mediator.dead-letters", "mediator.replies", "mediator.replies"])
    let letter = try #require(publisher.records.first)
    #expect(letter.value == broken.value)
    #expect(letter.key == broken.key)
    #expect(letter.headers.prefix(broken.headers.count) == broken.headers[...])
    #expect(letter.header("dl_reason") == "notJSON")
    #expect(letter.header("dl_topic") == "mediator.channel.test")
    #expect(letter.header("dl_partition") == "0")
    #expect(letter.header("dl_offset") == "5")
    guard case .failed(let failure)? = publisher.records[1].reply?.kind else { throw Unexpected() }
    #expect(failure.problem.status == 400)
    #expect(await store.effects == ["b"])
    #expect(source.committed == [partition: 7])
  }

  @Test func pastItsDeadlineAnEventIsPassedOver() async throws {
    let publisher = TestPublisher()
    let loop = loop(publisher)
    source.give([record("a", offset: 5, deadline: noon)])
    try await loop.turn()
    #expect(await store.calls == 0)
    #expect(publisher.records.isEmpty)
    #expect(source.committed == [partition: 6])
  }

  @Test func aTurnThatFailsIsDoneAgain() async throws {
    let publisher = TestPublisher()
    let loop = loop(publisher)
    await store.fail(ProcessorError(.store, "down"))
    await store.fail(ProcessorError(.store, "the commit's outcome is unknown"), afterwards: true)
    source.give([record("a", offset: 5)])
    source.give([record("b", offset: 6)])
    await #expect(throws: ProcessorError.self) { try await loop.turn() }
    await #expect(throws: ProcessorError.self) { try await loop.turn() }
    #expect(source.committed == [:])
    #expect(try await loop.turn() == 1)
    #expect(try await loop.turn() == 1)
    #expect(await store.effects == ["a", "b"])
    #expect(publisher.records.compactMap(\.reply?.causationID) == ["a.1", "b.1"])
    #expect(source.committed == [partition: 7])
  }

  @Test func theDeadlineCountsWhenTheStoreIsBack() async throws {
    let loop = loop(TestPublisher())
    await store.fail(ProcessorError(.store, "down"))
    source.give([record("a", offset: 5)])
    await #expect(throws: ProcessorError.self) { try await loop.turn() }
    clock.advance(.seconds(61))
    try await loop.turn()
    #expect(await store.effects == [])
    #expect(source.committed == [partition: 6])
  }

  @Test func aLostRaceIsRunAgainAtOnce() async throws {
    let loop = loop(TestPublisher())
    await store.fail(ProcessorError(.conflict, "another member"))
    source.give([record("a", offset: 5)])
    #expect(try await loop.turn() == 1)
    #expect(await store.calls == 2)
  }

  @Test func noMoreIsReadThanMayBeOpen() async throws {
    let publisher = TestPublisher(automatic: false)
    let loop = loop(publisher, maxOpen: 3)
    source.give([record("a", offset: 5), record("b", offset: 6)])
    try await loop.turn()
    source.give([record("c", offset: 7)])
    try await loop.turn()
    try await loop.turn()
    #expect(source.asked == [3, 1, 0])
    publisher.answer()
    try await loop.turn()
    #expect(source.asked.last == 3)
  }

  @Test func beforeARevocationWhatIsDoneIsCommitted() async throws {
    let publisher = TestPublisher(automatic: false)
    let loop = loop(publisher)
    source.give([record("a", offset: 5)])
    try await loop.turn()
    publisher.answer()
    await loop.revoke([partition], within: .seconds(5))
    #expect(source.committed == [partition: 6])
    // What was buffered before is the next owner's.
    source.give([record("b", offset: 6)])
    try await loop.turn()
    #expect(await store.effects == ["a"])
    await loop.assign([partition])
    source.give([record("c", offset: 6)])
    try await loop.turn()
    #expect(await store.effects == ["a", "c"])
  }

  @Test func aRevocationDoesNotWaitForWhatCannotBeDone() async throws {
    let loop = loop(TestPublisher())
    await store.fail(ProcessorError(.store, "down"))
    source.give([record("a", offset: 5)])
    await #expect(throws: ProcessorError.self) { try await loop.turn() }
    await loop.revoke([partition], within: .seconds(5))
    try await loop.turn()
    #expect(await store.effects == [])
    #expect(source.committed == [:])
  }

  @Test func aRevocationIsBounded() async throws {
    let loop = loop(TestPublisher(automatic: false))
    source.give([record("a", offset: 5)])
    try await loop.turn()
    await loop.revoke([partition], within: .seconds(5))
    #expect(source.committed == [:])
  }

  @Test func aLostPartitionIsNotCommitted() async throws {
    let publisher = TestPublisher(automatic: false)
    let loop = loop(publisher)
    source.give([record("a", offset: 5)])
    try await loop.turn()
    await loop.lose([partition])
    publisher.answer()
    try await loop.turn()
    #expect(source.committed == [:])
  }

  @Test func closingCommitsWhatIsAcknowledged() async throws {
    let publisher = TestPublisher(automatic: false)
    let loop = loop(publisher)
    source.give([record("a", offset: 5)])
    try await loop.turn()
    await store.fail(ProcessorError(.store, "down"))
    source.give([record("b", offset: 6)])
    await #expect(throws: ProcessorError.self) { try await loop.turn() }
    publisher.answer()
    await loop.close(within: .seconds(3))
    #expect(source.committed == [partition: 6])
  }
}

struct BrokerTopologyTests {
  private let partition = TopicPartition(topic: "Readings", partition: 0)

  private func record(_ offset: Int64, _ value: String) -> KafkaRecord {
    KafkaRecord(topic: "Readings", partition: 0, offset: offset, value: Array(value.utf8))
  }

  @Test func nobodyIsRepliedToAndFailuresAreKept() async throws {
    let (clock, source, publisher, store) = (TestClock(), TestSource(), TestPublisher(), TestStore())
    var options = ProcessorLoopOptions(name: "test")
    options.commitInterval = .zero
    let intake = Intake(
      .broker(EventMapping(["table": "$.data.t", "row": "$.data.r"]), EventBinding(type: "t", source: "s")))
    let loop = ProcessorLoop(
      options: options, intake: intake, source: source, publisher: publisher,
      sink: BatchSink(handler: Picky(), store: store, clock: clock), clock: clock,
      metrics: ProcessorMetrics(name: "test", logger: Logger(label: "t", factory: { _ in SwiftLogNoOpLogHandler() })))
    source.give([record(0, #"{"t":"a"}"#), record(1, #"{"t":"bad"}"#), record(2, "garbage")])
    try await loop.turn()
    #expect(await store.effects == ["1:s Readings/0/0"])
    #expect(publisher.records.map { $0.header("dl_reason") } == ["notJSON", "taskFailed"])
    #expect(publisher.records.last?.header("dl_detail") == "bad data")
    #expect(publisher.records.last?.value == Array(#"{"t":"bad"}"#.utf8))
    #expect(source.committed == [partition: 3])
  }

  private struct Picky: BatchHandler {
    func validate(_ event: ProcessorEvent) -> Validated<JSON> {
      event.data["table"] == "bad" ? .refused(.invalid(422, "bad data")) : .work(event.data)
    }
  }
}
