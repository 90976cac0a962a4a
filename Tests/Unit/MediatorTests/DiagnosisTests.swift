import Kafka
import Testing
import Values
import Workflow

@testable import Engine
@testable import Mediator

@Suite struct DiagnosisTests {
  private let now = Timestamp(microseconds: 1_767_323_045_000_000)
  private let id = UUIDValue(high: 0x1111_0000_0000_4000, low: 0x8000_0000_0000_0001)
  private let other = UUIDValue(high: 0x2222_0000_0000_4000, low: 0x8000_0000_0000_0002)
  private let problem = ProblemDetails(type: "https://example.com/busy", status: 503, title: "busy", detail: "later")

  // MARK: Ended

  @Test func tellsHowItEnded() {
    #expect(codes(facts(.completed)) == ["completed"])
    #expect(codes(facts(.cancelled)) == ["cancelled"])
    var failure = problem
    failure.instance = "/do/1/charge"
    let faulted = Diagnosis(facts(.faulted, error: failure))
    #expect(faulted.findings.map(\.cause) == [.faulted(task: "/do/1/charge", failure)])
    #expect(faulted.findings[0].task == "/do/1/charge")
    #expect(faulted.kind == .ended)
    #expect(faulted.findings[0].cause.next(for: id)[0] == "mediatorctl instances retry \(id.text)")
  }

  @Test func asksNothingMoreOfWhatHasEnded() {
    var facts = facts(.completed)
    facts.shard.owner = nil
    facts.definitionProblem = "no such key"
    #expect(codes(facts) == ["completed"])
  }

  // MARK: The whole instance

  @Test func namesTheShardThatNobodyHolds() {
    var facts = facts(activities: [requested()])
    facts.shard.owner = nil
    facts.shard.leaseEndsAt = nil
    facts.mediators = 0
    let diagnosis = Diagnosis(facts)
    #expect(
      diagnosis.findings[0].cause == .shardWithoutOwner(shard: 3, lastOwner: nil, since: nil, mediators: 0))
    #expect(diagnosis.kind == .blocked)
    #expect(diagnosis.findings[0].cause.next(for: id) == ["mediator"])
    facts.mediators = 2
    #expect(Diagnosis(facts).findings[0].cause.next(for: id) == ["mediatorctl status"])
  }

  @Test func countsALeaseThatHasRunOutAsNone() {
    var facts = facts(activities: [requested()])
    facts.shard.leaseEndsAt = now - .milliseconds(1)
    #expect(codes(facts).first == "shardWithoutOwner")
    facts.shard.leaseEndsAt = now + .milliseconds(1)
    #expect(!codes(facts).contains("shardWithoutOwner"))
  }

  @Test func tellsOfHaltedPartitionsDefinitionsAndSuspension() {
    let halted = HaltedPartition(
      topic: "mediator.replies", partition: 3, reason: "the topic was created anew", mediator: "m1", since: now)
    var facts = facts(.suspended, activities: [requested()])
    facts.halted = [halted]
    facts.definitionProblem = "'foo' is no key"
    facts.suspension = Cause.Suspension(author: "ann", reason: "the bank is closed", at: now)
    let found = codes(facts)
    #expect(found == ["definitionUnloadable", "partitionHalted", "suspended", "waitingForReply"])
    #expect(
      Diagnosis(facts).findings[1].cause.next(for: id) == ["mediatorctl partitions accept mediator.replies 3"])
    let cause = Diagnosis(facts).findings[2].cause
    #expect(cause.summary == "it was suspended by ann")
    #expect(cause.next(for: id) == ["mediatorctl instances resume \(id.text)"])
    facts.suspension = nil
    #expect(Diagnosis(facts).findings[2].cause.summary == "it is suspended")
  }

  @Test func tellsWhoComesFirstWithTheSameOrderKey() {
    var facts = facts(.pending, wakeAt: .some(nil))
    facts.orderKey = .init(key: "press-1", holder: other, holderSince: now - .seconds(90), ahead: 2)
    let diagnosis = Diagnosis(facts)
    #expect(
      diagnosis.findings.map(\.cause)
        == [.orderKeyHeld(key: "press-1", by: other, ahead: 2, since: now - .seconds(90))])
    #expect(diagnosis.kind == .waiting)
    #expect(diagnosis.findings[0].cause.next(for: id) == ["mediatorctl why \(other.text)"])
    facts.orderKey?.holder = id
    #expect(codes(facts) == ["unattended"])
    facts.orderKey = nil
    #expect(codes(facts) == ["unattended"])
  }

  // MARK: Calls

  @Test func waitsForAReplyWhereKafkaWasNotAsked() {
    var facts = facts(activities: [requested()])
    facts.kafkaProblem = "no address"
    guard case .waitingForReply(let reply) = Diagnosis(facts).findings[0].cause else {
      Issue.record("not waiting for a reply")
      return
    }
    #expect(reply.requestID == "\(id.text).1.1")
    #expect(reply.readBy == nil)
    #expect(reply.unknown == "no address")
    #expect(reply.requestedAt == now - .seconds(30))
  }

  @Test func tellsThatNobodyConsumesTheChannel() {
    var facts = facts(activities: [requested()])
    facts.channels = ["bank": ChannelFacts(channel: "bank", partitions: [0: .init(low: 0, high: 4)], consumers: [])]
    #expect(
      Diagnosis(facts).findings.map(\.cause)
        == [.channelWithoutConsumer(channel: "bank", unread: 4, since: now - .seconds(30))])
    facts.oldestUnread = [ChannelPartition(channel: "bank", partition: 0): now - .seconds(99)]
    #expect(
      Diagnosis(facts).findings.map(\.cause)
        == [.channelWithoutConsumer(channel: "bank", unread: 4, since: now - .seconds(99))])
    #expect(
      Diagnosis(facts).findings[0].cause.next(for: id) == ["# start the processor that reads mediator.channel.bank"])
    #expect(Cause.processor(of: "persistence") == "processor persistence")
  }

  @Test func comparesThePlaceOfTheEventWithThePosition() {
    var facts = facts(activities: [requested()])
    facts.places = ["\(id.text).1.1": EventPlace(partition: 1, offset: 7)]
    func cause(members: Int, committed: [Int32: Int64]) -> Cause {
      facts.channels = [
        "bank": ChannelFacts(
          channel: "bank", partitions: [0: .init(low: 0, high: 90), 1: .init(low: 2, high: 9)],
          consumers: [.init(group: "g", members: members, committed: committed)])
      ]
      return Diagnosis(facts).findings[0].cause
    }
    guard case .waitingForReply(let reply) = cause(members: 1, committed: [1: 8]) else {
      Issue.record("the event was read")
      return
    }
    #expect(reply.readBy == "g")
    guard case .consumerLag(let lag) = cause(members: 1, committed: [1: 7]) else {
      Issue.record("the event is the next one")
      return
    }
    #expect((lag.records, lag.partition, lag.place?.offset) == (1, 1, 7))
    guard case .consumerLag(let far) = cause(members: 1, committed: [:]) else {
      Issue.record("nothing was committed")
      return
    }
    #expect(far.records == 6)
    guard case .consumerStopped(let stopped) = cause(members: 0, committed: [1: 4]) else {
      Issue.record("the group has no member")
      return
    }
    #expect(stopped.records == 4)
    #expect(cause(members: 0, committed: [1: 4]).kind == .blocked)
  }

  @Test func takesTheWorstPartitionWhereThePlaceIsNotKnown() {
    var facts = facts(activities: [requested()])
    facts.channels = [
      "bank": ChannelFacts(
        channel: "bank", partitions: [0: .init(low: 0, high: 9), 1: .init(low: 0, high: 9)],
        consumers: [.init(group: "g", members: 1, committed: [0: 8, 1: 3])])
    ]
    guard case .consumerLag(let lag) = Diagnosis(facts).findings[0].cause else {
      Issue.record("there is lag")
      return
    }
    #expect((lag.partition, lag.records) == (1, 6))
    #expect(lag.place == nil)
  }

  @Test func believesAProcessorThatTellsProgress() {
    var facts = facts(activities: [requested(progress: .init(percent: 40, message: nil))])
    facts.channels = ["bank": ChannelFacts(channel: "bank", partitions: [0: .init(low: 0, high: 4)], consumers: [])]
    #expect(codes(facts) == ["waitingForReply"])
  }

  @Test func noticesWhatIsNotPublished() {
    var facts = facts(activities: [requested()])
    facts.shard.publishMark = 3
    #expect(
      Diagnosis(facts).findings.map(\.cause) == [.unpublished(channel: "bank", rows: 5, since: now - .seconds(30))])
    facts.shard.publishMark = 4
    #expect(codes(facts) == ["waitingForReply"])
  }

  @Test func tellsWhyTheLastAttemptFailed() {
    let call = PendingCall(channel: "bank", attempt: 2, deadline: now + .seconds(60), data: .null, progress: nil)
    let entry = JournalEntry.attemptFailed(
      activity: 1, reference: "/do/0/charge", attempt: 2, problem: problem, retryAt: now + .seconds(5))
    let facts = facts(
      activities: [activity(.retrying(call, retryAt: now + .seconds(5)))], entries: [entry])
    guard case .attemptFailed(let failure) = Diagnosis(facts).findings[0].cause else {
      Issue.record("not failing")
      return
    }
    #expect((failure.channel, failure.attempts, failure.problem) == ("bank", 2, problem))
    #expect(failure.retryAt == now + .seconds(5))
    #expect(
      Diagnosis(facts).findings[0].cause.summary
        == "the processor of channel 'bank' failed in attempt 2: 503 busy: later")
  }

  // MARK: Time

  @Test func tellsTimers() {
    let waiting = facts(activities: [activity(.waiting(until: now + .seconds(9)))])
    #expect(Diagnosis(waiting).findings.map(\.cause) == [.timer(.wait, dueAt: now + .seconds(9))])
    let pausing = TryProgress(attempt: 2, attemptDeadline: nil, stage: .pausing(until: now + .seconds(7)))
    #expect(
      Diagnosis(facts(activities: [activity(.trying(pausing))])).findings.map(\.cause)
        == [.timer(.retry, dueAt: now + .seconds(7))])
  }

  @Test(arguments: [Int64(4_999), 5_001]) func countsATimerAsMissedAfterAMargin(milliseconds: Int64) {
    let due = now - .milliseconds(milliseconds)
    let found = codes(facts(wakeAt: due, activities: [activity(.waiting(until: due))]))
    #expect(found == [milliseconds < 5_000 ? "timer" : "overdue"])
    let call = codes(facts(wakeAt: due, activities: [requested(deadline: due)]))
    #expect(call == [milliseconds < 5_000 ? "waitingForReply" : "overdue"])
  }

  @Test func missesNoTimerOfAShardWithoutOwner() {
    var facts = facts(activities: [activity(.waiting(until: now - .seconds(60)))])
    facts.shard.owner = nil
    #expect(codes(facts) == ["shardWithoutOwner", "timer"])
  }

  @Test func namesWhatNothingWillWake() {
    #expect(codes(facts(wakeAt: .some(nil), activities: [])) == ["unattended"])
    #expect(codes(facts(wakeAt: .some(nil), activities: [activity(.sequence(position: 0))])) == ["unattended"])
    #expect(codes(facts(wakeAt: now + .seconds(9), activities: [])) == ["timer"])
    #expect(codes(facts(wakeAt: now - .seconds(9), activities: [])) == ["overdue"])
  }

  // MARK: Others

  @Test func tellsOfTheInstanceThatItWaitsFor() {
    var facts = facts(wakeAt: .some(nil), activities: [activity(.child(other))])
    #expect(Diagnosis(facts).findings.map(\.cause) == [.childMissing(other)])
    facts.children[other] = .init(status: .running, because: "nobody consumes channel 'bank'")
    let cause = Diagnosis(facts).findings[0].cause
    #expect(
      cause.summary == "it waits for the instance \(other.text), which is running: nobody consumes channel 'bank'")
    #expect(cause.next(for: id) == ["mediatorctl why \(other.text)"])
  }

  @Test func tellsOfTheEventsThatItWaitsFor() {
    let listening = activity(.listening(ListenProgress(matched: [false], expected: [[:]])))
    var facts = facts(wakeAt: .some(nil), activities: [listening])
    #expect(codes(facts) == ["unattended"])
    facts.detail = detail(.waiting, wakeAt: now + .seconds(5), activities: [listening])
    #expect(codes(facts) == ["timer"])
    facts.waits = [
      EventWaitFacts(activity: 1, reference: "/do/0/charge", type: "paid", correlation: ["order": "o-7"]),
      EventWaitFacts(activity: 9, reference: "/do/1/other", type: "sent", correlation: [:]),
    ]
    #expect(Diagnosis(facts).findings.map(\.cause.summary) == [#"it waits for an event 'paid' with order = "o-7""#])
  }

  @Test func looksOnlyAtWhatIsInnermostAndPutsTroubleFirst() {
    let outer = Activity(
      id: 0, parent: nil, reference: "/", startedAt: now, input: .null, phase: .sequence(position: 0))
    var facts = facts(activities: [
      outer, activity(.waiting(until: now + .seconds(1)), id: 1, reference: "/do/0/a"),
      activity(.child(other), id: 2, reference: "/do/1/b"),
    ])
    #expect(codes(facts) == ["childMissing", "timer"])
    #expect(Diagnosis(facts).findings.map(\.task) == ["/do/1/b", "/do/0/a"])
    facts.shard.owner = nil
    #expect(codes(facts) == ["shardWithoutOwner", "childMissing", "timer"])
  }

  @Test func everyCauseHasTextAndACommand() {
    let lag = Cause.Lag(
      channel: "bank", group: "g", members: 0, partition: 1, records: 3, place: nil, since: now)
    let causes: [Cause] = [
      .completed, .cancelled, .faulted(task: nil, problem),
      .definitionUnloadable(workflow: "a/b", version: "1.0.0", reason: "r"),
      .shardWithoutOwner(shard: 1, lastOwner: nil, since: nil, mediators: 0),
      .partitionHalted(.init(topic: "t", partition: 0, reason: "r", mediator: "m", since: now)),
      .suspended(by: nil), .unpublished(channel: "bank", rows: 1, since: now),
      .channelWithoutConsumer(channel: "bank", unread: 1, since: nil), .consumerStopped(lag), .overdue(at: now),
      .childMissing(other), .unattended, .orderKeyHeld(key: "k", by: other, ahead: 1, since: now), .consumerLag(lag),
      .attemptFailed(.init(channel: nil, attempts: 1, problem: nil, retryAt: now, deadline: nil)),
      .waitingForReply(
        .init(
          channel: "bank", attempt: 1, requestID: "x", requestedAt: nil, deadline: now, readBy: nil, progress: nil,
          unknown: nil)),
      .waitingForEvent(.init(activity: 1, reference: "/do/0/x", type: nil, correlation: [:])),
      .timer(.wait, dueAt: now), .childAwaited(other, status: .running, because: nil), .stepping,
    ]
    #expect(Set(causes.map(\.code)).count == causes.count)
    for cause in causes {
      #expect(!cause.summary.isEmpty)
      #expect(!cause.next(for: id).isEmpty)
    }
  }

  // MARK: Samples

  private func codes(_ facts: InstanceFacts) -> [String] { Diagnosis(facts).findings.map(\.cause.code) }

  private func activity(_ phase: Activity.Phase, id: Int = 1, reference: String = "/do/0/charge") -> Activity {
    Activity(id: id, parent: 0, reference: reference, startedAt: now - .seconds(30), input: .null, phase: phase)
  }

  private func requested(
    deadline: Timestamp? = nil, progress: PendingCall.Progress? = nil
  ) -> Activity {
    activity(
      .requested(
        PendingCall(
          channel: "bank", attempt: 1, deadline: deadline ?? now + .seconds(60), data: .null, progress: progress)))
  }

  private func detail(
    _ status: InstanceStatus, wakeAt: Timestamp?, activities: [Activity], entries: [JournalEntry] = [],
    error: ProblemDetails? = nil
  ) -> InstanceDetail {
    let request = Request(
      activity: 1, channel: "bank", id: "\(id.text).1.1", idempotencyKey: "\(id.text).1", reference: "/do/0/charge",
      attempt: 1, deadline: now + .seconds(60), data: .null)
    let journal = [
      JournalRow(sequence: 4, instance: id, at: now - .seconds(30), entries: [.workflowStarted, .requested(request)]),
      JournalRow(sequence: 5, instance: id, at: now - .seconds(20), entries: entries),
    ]
    let summary = InstanceSummary(
      id: id, shard: 3, namespace: "shop", name: "order", version: "1.0.0", status: status, key: nil, eventID: "e",
      eventSource: "/s", startedAt: now - .seconds(30), updatedAt: now - .seconds(20),
      endedAt: status.isTerminal ? now : nil, error: error)
    return InstanceDetail(
      summary: summary, input: .null, context: .null, deadline: nil, output: nil,
      history: TaskHistory(journal: journal, open: activities), isComplete: true, journal: journal,
      activities: activities, isUnfinished: false, wakeAt: wakeAt)
  }

  private func facts(
    _ status: InstanceStatus = .running, wakeAt: Timestamp?? = .none, activities: [Activity] = [],
    entries: [JournalEntry] = [], error: ProblemDetails? = nil
  ) -> InstanceFacts {
    InstanceFacts(
      now: now,
      detail: detail(
        status, wakeAt: wakeAt ?? (now + .seconds(60)), activities: activities, entries: entries, error: error),
      shard: .init(number: 3, owner: "m1", leaseEndsAt: now + .seconds(4), journalHead: 8, publishMark: 8),
      mediators: 1, halted: [], waits: [], children: [:])
  }
}
