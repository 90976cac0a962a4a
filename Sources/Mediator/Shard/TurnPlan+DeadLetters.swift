import Engine
import Kafka
import Values
import Wire

/// Dead letters that are no record that came in.
extension TurnPlan {
  /// The broker will not take this dead letter; it is in the store all the same.
  mutating func leaveUnpublished(_ sequence: Int64, reason: String) {
    batch.unpublishedLetters.append(UnpublishedLetter(sequence: sequence, reason: reason))
  }

  /// The last processing event of a call whose failure nobody caught, when that is why the instance faults in this step.
  ///
  /// Looked for only where the state has an error, so that no other step pays for it.
  func uncaughtFault(
    of instance: StoredInstance, before: StoredInstance, _ step: Engine.Step, _ entry: DefinitionCatalog.Entry
  ) -> (event: KafkaRecord, detail: String)? {
    guard let error = instance.state.error else { return nil }
    // It faults now, or what undoes it fails now.
    guard before.state.error == nil || instance.state.status == .faulted else { return nil }
    let cause = before.state.error == nil ? error.json : error.extensions["compensation"]?["error"]
    for journalEntry in step.entries.reversed() {
      guard case .taskFaulted(let activity?, let reference, let problem) = journalEntry, problem.json == cause,
        let open = before.state.activities.first(where: { $0.id == activity }), let call = open.call
      else { continue }
      let detail = "attempt \(call.attempt) of \(reference) failed, and nothing caught it: \(problem.brief)"
      return (event(of: call, activity: activity, reference, before, entry), detail)
    }
    return nil
  }

  /// What a step settles that makes an instance go on in spite of its error.
  func settledFaults(
    of instance: StoredInstance, before: StoredInstance, _ step: Engine.Step
  ) -> SettledFaults? {
    guard before.state.error != nil, step.entries.contains(where: \.opensAgain) else { return nil }
    let settled = SettledFaults(instance: instance.id, head: batch.journalHead)
    guard instance.state.error != nil else { return settled }
    guard before.state.status.isTerminal else { return nil }
    // What failed last was a compensation. It goes on, and ends with the error that is compensated for, as before.
    let isUndoing = before.state.checkpoint?.ending != nil
    return isUndoing ? SettledFaults(instance: instance.id, head: batch.journalHead, isNewestOnly: true) : settled
  }

  /// As it was sent, but for secrets: what stands for them stays.
  private func event(
    of call: PendingCall, activity: Int, _ reference: String, _ instance: StoredInstance,
    _ entry: DefinitionCatalog.Entry
  ) -> KafkaRecord {
    let id = instance.id.text
    let event = ProcessingEvent(
      id: "\(id).\(activity).\(call.attempt)", idempotencyKey: "\(id).\(activity)", source: entry.source,
      channel: call.channel, taskReference: reference, correlationID: id, causationID: id, attempt: call.attempt,
      deadline: call.deadline, replyTopic: repliesTopic, replyPartition: shard,
      key: instance.key ?? Array(id.utf8), data: call.data
    ).encode()
    return KafkaRecord(
      topic: event.topic, partition: -1, offset: -1, timestamp: now.microseconds / 1000, key: event.key,
      value: event.value, headers: event.headers)
  }
}

extension Activity {
  fileprivate var call: PendingCall? {
    switch phase {
    case .requested(let call), .retrying(let call, _): return call
    case .queued(var call):
      // Its time was over before even the first went out: that one.
      call.attempt = max(1, call.attempt)
      return call
    default: return nil
    }
  }
}

extension JournalEntry {
  /// Whether an operator has made a faulted instance go on by it.
  fileprivate var opensAgain: Bool {
    switch self {
    case .operated(.retry, _), .operated(.rerun, _), .operated(.skip, _): true
    default: false
    }
  }
}

extension ProblemDetails {
  fileprivate var brief: String {
    "\(status) \(detail ?? title ?? type)"
  }
}

extension KafkaRecord {
  /// The instance that a reply or an emitted event names.
  var correlation: UUIDValue? {
    headers.last { $0.name == "ce_correlationid" }?.value
      .flatMap { String(validating: $0, as: UTF8.self) }.flatMap { UUIDValue($0) }
  }
}
