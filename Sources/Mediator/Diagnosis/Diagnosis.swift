import Engine
import Values

/// Why an instance is where it is, and what to do next. Pure.
public struct Diagnosis: Sendable, Hashable {
  /// What holds one task, or the instance as a whole.
  public struct Finding: Sendable, Hashable {
    public let cause: Cause
    /// The reference of the task; nil for the instance as a whole.
    public let task: String?
  }

  public let id: UUIDValue
  /// Never empty; what somebody has to do something about first.
  public let findings: [Finding]

  /// The worst of the findings.
  public var kind: Cause.Kind { findings.first?.cause.kind ?? .waiting }

  public init(_ facts: InstanceFacts) {
    id = facts.detail.summary.id
    let found = Judge(facts: facts).findings
    // Stable: of one kind, what concerns the whole instance stays before its tasks.
    findings = found.filter { $0.cause.kind != .waiting } + found.filter { $0.cause.kind == .waiting }
  }

  /// A timer may be this late before it counts: due timers are looked for twice a second.
  static let margin = Duration.seconds(5)
}

private struct Judge {
  let facts: InstanceFacts

  var findings: [Diagnosis.Finding] {
    if facts.detail.summary.status.isTerminal { return [ending] }
    let whole = wholeInstance.map { Diagnosis.Finding(cause: $0, task: nil) }
    if facts.detail.summary.status == .pending { return whole + [pending] }
    let tasks = facts.detail.leaves.flatMap(findings)
    if !tasks.isEmpty { return whole + tasks }
    return whole.isEmpty || facts.detail.wakeAt == nil && !isSuspended ? whole + [idle] : whole
  }

  private var isSuspended: Bool { facts.detail.summary.status == .suspended }

  private func finding(_ cause: Cause, _ task: String? = nil) -> Diagnosis.Finding {
    Diagnosis.Finding(cause: cause, task: task)
  }

  private var ending: Diagnosis.Finding {
    let summary = facts.detail.summary
    switch summary.status {
    case .completed: return finding(.completed)
    case .cancelled: return finding(.cancelled)
    default:
      let problem = summary.error ?? ProblemDetails(type: "about:blank", status: 500)
      let failed = facts.detail.history.tasks.last { $0.status == .faulted }?.reference
      return finding(.faulted(task: problem.instance ?? failed, problem), problem.instance ?? failed)
    }
  }

  /// What holds everything in it.
  private var wholeInstance: [Cause] {
    let summary = facts.detail.summary
    var causes: [Cause] = []
    if let reason = facts.definitionProblem {
      causes.append(
        .definitionUnloadable(
          workflow: "\(summary.namespace)/\(summary.name)", version: summary.version, reason: reason))
    }
    if !facts.shard.isOwned(at: facts.now) {
      causes.append(
        .shardWithoutOwner(
          shard: facts.shard.number, lastOwner: facts.shard.owner, since: facts.shard.leaseEndsAt,
          mediators: facts.mediators))
    }
    causes += facts.halted.map { .partitionHalted($0) }
    if isSuspended { causes.append(.suspended(by: facts.suspension)) }
    return causes
  }

  private var pending: Diagnosis.Finding {
    guard let order = facts.orderKey, let holder = order.holder, holder != facts.detail.summary.id else {
      // Nothing is before it: its owner starts it now, if there is one and the timer was set.
      return finding(facts.detail.wakeAt == nil ? .unattended : .stepping)
    }
    return finding(
      .orderKeyHeld(
        key: order.key, by: holder, ahead: order.ahead, since: order.holderSince ?? facts.detail.summary.startedAt))
  }

  /// No task is open.
  private var idle: Diagnosis.Finding {
    guard let wakeAt = facts.detail.wakeAt else { return finding(.unattended) }
    if isOverdue(wakeAt) { return finding(.overdue(at: wakeAt)) }
    return finding(facts.detail.isUnfinished ? .stepping : .timer(.timeout, dueAt: wakeAt))
  }

  private func isOverdue(_ time: Timestamp?) -> Bool {
    guard let time, facts.shard.isOwned(at: facts.now), !isSuspended else { return false }
    return time + Diagnosis.margin < facts.now
  }

  // MARK: Tasks

  private func findings(_ activity: Activity) -> [Diagnosis.Finding] {
    var causes: [Cause]
    switch activity.phase {
    case .requested(let call): causes = [requested(call, activity)]
    case .retrying(let call, let retryAt):
      causes = [retry(activity, channel: call.channel, call.attempt, at: retryAt, deadline: call.deadline)]
    case .queued(let call):
      causes = [
        isOverdue(call.deadline)
          ? .overdue(at: call.deadline) : .callQueued(facts.queues[call.channel] ?? Cause.Queue(channel: call.channel))
      ]
    case .trying(let progress):
      guard case .pausing(let until) = progress.stage else {
        causes = [.stepping]
        break
      }
      causes = [retry(activity, channel: nil, progress.attempt, at: until, deadline: activity.deadline)]
    case .waiting(let until): causes = [isOverdue(until) ? .overdue(at: until) : .timer(.wait, dueAt: until)]
    case .listening: causes = listening(activity)
    case .child(let id): causes = [child(id)]
    case .sequence, .loop, .fork, .branch, .extended, .compensating:
      causes = [facts.detail.wakeAt == nil ? .unattended : .stepping]
    }
    if let due = activity.deadline, isOverdue(due), !causes.contains(.overdue(at: due)) {
      causes.append(.overdue(at: due))
    }
    return causes.map { finding($0, activity.reference) }
  }

  private func retry(
    _ activity: Activity, channel: String?, _ attempt: Int, at retryAt: Timestamp, deadline: Timestamp?
  ) -> Cause {
    if isOverdue(retryAt) { return .overdue(at: retryAt) }
    let problem = facts.detail.history.tasks.last { $0.activity == activity.id }?.lastProblem
    guard problem != nil || channel != nil else { return .timer(.retry, dueAt: retryAt) }
    return .attemptFailed(
      Cause.Failure(
        channel: channel, attempts: attempt, problem: problem, retryAt: retryAt, deadline: deadline))
  }

  private func listening(_ activity: Activity) -> [Cause] {
    let waits = facts.waits.filter { $0.activity == activity.id }
    // Without a row it is found for no event; what still can wake it is a timeout.
    guard waits.isEmpty else { return waits.map { .waitingForEvent($0) } }
    return [facts.detail.wakeAt.map { .timer(.timeout, dueAt: $0) } ?? .unattended]
  }

  private func child(_ id: UUIDValue) -> Cause {
    guard let child = facts.children[id] else { return .childMissing(id) }
    return .childAwaited(id, status: child.status, because: child.because)
  }

  // MARK: Calls

  private func requested(_ call: PendingCall, _ activity: Activity) -> Cause {
    if isOverdue(call.deadline) { return .overdue(at: call.deadline) }
    let requestID = "\(facts.detail.summary.id.text).\(activity.id).\(call.attempt)"
    let row = facts.detail.journal.last { $0.entries.contains { $0.requestID == requestID } }
    if let row, row.sequence > facts.shard.publishMark, row.at + Diagnosis.margin < facts.now {
      return .unpublished(
        channel: call.channel, rows: facts.shard.journalHead - facts.shard.publishMark, since: row.at)
    }
    func waiting(readBy group: String?) -> Cause {
      .waitingForReply(
        Cause.Reply(
          channel: call.channel, attempt: call.attempt, requestID: requestID, requestedAt: row?.at,
          deadline: call.deadline, readBy: group, progress: call.progress,
          unknown: facts.channels[call.channel] == nil ? facts.kafkaProblem : nil))
    }
    // Progress is told by whoever works on it.
    guard call.progress == nil, let channel = facts.channels[call.channel] else { return waiting(readBy: nil) }
    guard let consumer = channel.consumer else { return unserved(channel, row?.at) }
    let place = facts.places[requestID]
    guard let partition = place?.partition ?? channel.worstPartition else { return waiting(readBy: consumer.group) }
    let position = channel.position(partition)
    if let place, place.offset < position { return waiting(readBy: consumer.group) }
    let lag = Cause.Lag(
      channel: call.channel, group: consumer.group, members: consumer.members, partition: partition,
      records: place.map { $0.offset - position + 1 } ?? channel.lag(partition), place: place,
      since: facts.oldestUnread[ChannelPartition(channel: call.channel, partition: partition)])
    return consumer.members == 0 ? .consumerStopped(lag) : .consumerLag(lag)
  }

  private func unserved(_ channel: ChannelFacts, _ requestedAt: Timestamp?) -> Cause {
    let oldest = channel.partitions.keys.compactMap {
      facts.oldestUnread[ChannelPartition(channel: channel.channel, partition: $0)]
    }.min()
    return .channelWithoutConsumer(
      channel: channel.channel, unread: channel.lag, since: oldest ?? requestedAt)
  }
}

extension InstanceDetail {
  /// The open activities in which no other one runs: what the instance waits for. Oldest first.
  public var leaves: [Activity] {
    let parents = Set(activities.compactMap(\.parent))
    return activities.filter { !parents.contains($0.id) }
  }
}

extension TaskRecord {
  var lastProblem: ProblemDetails? { problem ?? attempts.last { $0.problem != nil }?.problem }
}

extension JournalEntry {
  /// `ce_id` of the processing event that it asks for.
  var requestID: String? { if case .requested(let request) = self { request.id } else { nil } }
}
