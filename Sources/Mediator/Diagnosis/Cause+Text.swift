import Engine
import Values

/// One thing that was seen, by name.
public struct Evidence: Sendable, Hashable {
  public enum Value: Sendable, Hashable {
    case text(String)
    case count(Int64)
    case time(Timestamp)
    case lines([String])
  }

  public let name: String
  public let value: Value
}

extension Cause {
  /// The cause in one line, without times.
  public var summary: String {
    switch self {
    case .completed: "it is completed"
    case .cancelled: "it was cancelled"
    case .faulted(_, let problem): "it faulted: \(problem.oneLine)"
    case .definitionUnloadable(let workflow, let version, _):
      "the definition \(workflow) \(version) cannot be loaded by this version"
    case .shardWithoutOwner(let shard, _, _, let mediators):
      "no mediator holds its shard \(shard)" + (mediators == 0 ? ": none is running" : "")
    case .partitionHalted(let halted): "partition \(halted.partition) of \(halted.topic) is halted"
    case .suspended(let by): by.map { "it was suspended by \($0.author)" } ?? "it is suspended"
    case .unpublished(let channel, let rows, _):
      "its processing event has not reached channel '\(channel)': publishing is \(rows) rows behind the journal"
    case .channelWithoutConsumer(let channel, _, _): "nobody consumes channel '\(channel)'"
    case .consumerStopped(let lag): "nothing of group \(lag.group) reads channel '\(lag.channel)' now"
    case .overdue: "it should have been woken, and was not"
    case .childMissing(let id): "it waits for the instance \(id.text), which does not exist"
    case .unattended: "nothing will wake it: it has no timer, no call and no event to wait for"
    case .orderKeyHeld(let key, let holder, let ahead, _):
      "the instance \(holder.text) with the order key '\(key)' comes first"
        + (ahead > 1 ? ", and \(ahead - 1) more" : "")
    case .callQueued(let queue):
      "its call waits for room on channel '\(queue.channel)': \(queue.inFlight) are under way there, \(queue.queued) wait"
    case .consumerLag(let lag):
      "group \(lag.group) has \(lag.records) processing events to read in partition \(lag.partition) of channel "
        + "'\(lag.channel)'" + (lag.place == nil ? "" : ", this one the last of them")
    case .attemptFailed(let failure):
      (failure.channel.map { "the processor of channel '\($0)' failed" } ?? "its tasks failed")
        + " in attempt \(failure.attempts)" + (failure.problem.map { ": \($0.oneLine)" } ?? "")
    case .waitingForReply(let reply):
      "it waits for the reply of channel '\(reply.channel)'"
        + (reply.readBy.map { ": group \($0) has read the processing event" } ?? "")
    case .waitingForEvent(let wait): "it waits for " + wait.summary
    case .timer(.wait, _): "it waits until its time has come"
    case .timer(.retry, _): "it is tried again when its time has come"
    case .timer(.timeout, _): "it goes on when its timeout strikes"
    case .childAwaited(let id, let status, let because):
      "it waits for the instance \(id.text), which is \(status.rawValue)" + (because.map { ": \($0)" } ?? "")
    case .stepping: "it is at work"
    }
  }

  /// What was seen, in the order in which people want to read it.
  public var evidence: [Evidence] {
    var seen = EvidenceList()
    switch self {
    case .completed, .cancelled, .unattended, .stepping: break
    case .faulted(let task, let problem):
      seen.add("task", task)
      seen.add(problem)
    case .definitionUnloadable(_, _, let reason): seen.add("reason", reason)
    case .shardWithoutOwner(let shard, let owner, let since, let mediators):
      seen.add("shard", count: Int64(shard))
      seen.add("lastOwner", owner)
      seen.add("since", since)
      seen.add("mediators", count: Int64(mediators))
    case .partitionHalted(let halted):
      seen.add("reason", halted.reason)
      seen.add("mediator", halted.mediator)
      seen.add("since", halted.since)
    case .suspended(let by):
      seen.add("reason", by?.reason)
      seen.add("since", by?.at)
    case .unpublished(_, let rows, let since):
      seen.add("rows", count: rows)
      seen.add("since", since)
    case .channelWithoutConsumer(let channel, let unread, let since):
      seen.add("topic", "mediator.channel.\(channel)")
      seen.add("unread", count: unread)
      seen.add("since", since)
    case .consumerStopped(let lag), .consumerLag(let lag): seen.add(lag)
    case .overdue(let at): seen.add("dueAt", at)
    case .childMissing, .childAwaited: break
    case .orderKeyHeld(_, _, let ahead, let since):
      seen.add("ahead", count: Int64(ahead))
      seen.add("since", since)
    case .callQueued(let queue):
      seen.add("inFlight", count: queue.inFlight)
      seen.add("ofThisWorkflow", count: queue.ownInFlight)
      seen.add("queued", count: queue.queued)
    case .attemptFailed(let failure):
      if let problem = failure.problem { seen.add(problem) }
      seen.add("nextAttemptAt", failure.retryAt)
      seen.add("deadline", failure.deadline)
    case .waitingForReply(let reply): seen.add(reply)
    case .waitingForEvent(let wait):
      seen.add("nearest", lines: wait.nearest.map(\.text))
    case .timer(let kind, let dueAt):
      seen.add("timer", kind.rawValue)
      seen.add("dueAt", dueAt)
    }
    return seen.items
  }

  /// The commands to go on with, the first one first.
  public func next(for id: UUIDValue) -> [String] {
    let id = id.text
    switch self {
    case .completed, .cancelled, .stepping: return ["mediatorctl instances show \(id)"]
    case .faulted: return ["mediatorctl instances retry \(id)", "mediatorctl instances skip \(id) --with '{}'"]
    case .definitionUnloadable(let workflow, let version, _):
      return ["mediatorctl workflows show \(workflow) --version \(version) --source"]
    case .shardWithoutOwner(_, _, _, let mediators): return mediators == 0 ? ["mediator"] : ["mediatorctl status"]
    case .partitionHalted(let halted):
      return ["mediatorctl partitions accept \(halted.topic) \(halted.partition)"]
    case .suspended: return ["mediatorctl instances resume \(id)"]
    case .unpublished: return ["mediatorctl status"]
    case .channelWithoutConsumer(let channel, _, _): return [Self.processor(of: channel)]
    case .consumerStopped(let lag): return [Self.processor(of: lag.channel)]
    case .callQueued: return ["mediatorctl stuck", "mediatorctl instances show \(id)"]
    case .consumerLag(let lag): return ["mediatorctl why \(id)", Self.processor(of: lag.channel)]
    case .overdue: return ["mediatorctl status"]
    case .childMissing, .unattended: return ["mediatorctl instances cancel \(id)"]
    case .orderKeyHeld(_, let holder, _, _): return ["mediatorctl why \(holder.text)"]
    case .attemptFailed: return ["mediatorctl instances show \(id) --data"]
    case .waitingForReply: return ["mediatorctl instances show \(id)"]
    case .waitingForEvent(let wait):
      return ["mediatorctl events emit --type \(wait.type ?? "TYPE") --data @FILE"]
    case .timer: return ["mediatorctl instances show \(id)"]
    case .childAwaited(let child, _, _): return ["mediatorctl why \(child.text)"]
    }
  }

  /// The command that serves a channel. Of other makes than the processors that come along it is not known here; `echo`
  /// would answer, but with nothing that is true.
  static func processor(of channel: String) -> String {
    let own: Set = ["persistence", "alerts", "telegram", "http", "asyncapi", "echo"]
    return own.contains(channel)
      ? "processor \(channel)" : "# start the processor that reads mediator.channel.\(channel)"
  }
}

private struct EvidenceList {
  private(set) var items: [Evidence] = []

  mutating func add(_ name: String, _ text: String?) {
    if let text { items.append(Evidence(name: name, value: .text(text))) }
  }

  mutating func add(_ name: String, _ time: Timestamp?) {
    if let time { items.append(Evidence(name: name, value: .time(time))) }
  }

  mutating func add(_ name: String, count: Int64) { items.append(Evidence(name: name, value: .count(count))) }

  mutating func add(_ name: String, lines: [String]) {
    if !lines.isEmpty { items.append(Evidence(name: name, value: .lines(lines))) }
  }

  mutating func add(_ problem: ProblemDetails) {
    add("type", problem.type)
    add("status", count: Int64(problem.status))
    add("detail", problem.detail ?? problem.title)
  }

  mutating func add(_ lag: Cause.Lag) {
    add("group", lag.group)
    add("members", count: Int64(lag.members))
    add("partition", count: Int64(lag.partition))
    add("lag", count: lag.records)
    if let offset = lag.place?.offset { add("offset", count: offset) }
    add("since", lag.since)
  }

  mutating func add(_ reply: Cause.Reply) {
    add("attempt", count: Int64(reply.attempt))
    add("requestId", reply.requestID)
    add("requestedAt", reply.requestedAt)
    add("deadline", reply.deadline)
    add("readBy", reply.readBy)
    if let percent = reply.progress?.percent { add("progress", "\(JSONNumber(percent).text) %") }
    add("message", reply.progress?.message)
    add("kafka", reply.unknown.map { "was not asked: \($0)" })
  }
}

extension ProblemDetails {
  /// `503 busy: the database is away`
  var oneLine: String {
    let what = title ?? String(type.split(separator: "/").last ?? "error")
    return "\(status) \(what)" + (detail.map { ": \($0)" } ?? "")
  }
}

extension EventWaitFacts {
  var summary: String {
    let what = type.map { "an event '\($0)'" } ?? "an event of any type"
    guard !correlation.isEmpty else { return what }
    return what + " with " + correlation.map { "\($0.0) = \($0.1.text)" }.joined(separator: ", ")
  }
}

extension NearMiss {
  /// What it was and why it did not match.
  public var text: String {
    let reasons = mismatches.map(\.text)
    let why = reasons.isEmpty ? "it matches and is on its way" : reasons.joined(separator: "; ")
    return "\(id) from \(source) at \(at.rfc3339): \(why)"
  }
}

extension NearMiss.Mismatch {
  public var text: String {
    switch self {
    case .attribute(let name, let value, let wanted): "\(name) is \(value.text), not \(wanted.text)"
    case .expression(let attribute, let source): "its \(attribute) does not agree with ${ \(source) }"
    case .correlation(let name, let value, let wanted):
      "\(name) is \(value.map(\.text) ?? "not there"), not \(wanted.text)"
    case .nothingToCorrelate(let name): "it has no \(name)"
    case .consumed: "another instance has taken it"
    case .deadLetter(let reason): "it is a dead letter (\(reason))"
    }
  }
}
