import Engine
import Kafka
import Values

/// One piece of a turn's work, kept so that it can be planned again.
enum TurnWork {
  case undeliverable(Outbox.Undeliverable)
  case record(KafkaRecord, TurnInput)
  case inbox(InboxItem)
  case timer(UUIDValue)
  /// There is room for the call.
  case release(QueuedCall)
  case expired(ExpiredEvent)
  case overdue(OverdueEvent)
  /// The workflow's time has come.
  case fire(ScheduleRow, due: Timestamp)
  /// The workflow's schedule is new or another.
  case schedule(ScheduleRow)
  case unschedule(String)
  case command(QueuedCommand)

  /// The instances that have to be known before it can be planned.
  var instances: [UUIDValue] {
    switch self {
    case .undeliverable(let item):
      if case .request(let request) = item.subject { [request.instance] } else { [] }
    case .record(_, let input): input.instances
    case .inbox(let item): item.instance.map { [$0] } ?? []
    case .timer(let id): [id]
    case .release(let call): [call.instance]
    case .fire(let row, let due):
      [InstanceID.make(workflow: row.workflow, source: TurnPlan.scheduleSource(row.workflow), id: due.rfc3339)]
    case .command(let queued): [queued.command.instance, OperatorCommand.replayID(queued.command.request)]
    case .expired, .overdue, .schedule, .unschedule: []
    }
  }

  /// The same work in the light of other definitions.
  func decoded(by decoder: InputDecoder) -> TurnWork {
    guard case .record(let record, _) = self else { return self }
    return .record(record, decoder.decode(record))
  }

  var isExpiry: Bool { if case .expired = self { true } else { false } }

  func add(to plan: inout TurnPlan, _ decoder: InputDecoder, keepingEvents retention: Duration) {
    switch self {
    case .undeliverable(let item):
      switch item.subject {
      case .request(let request): plan.undeliverable(request.id, instance: request.instance, reason: item.reason)
      case .event(let record): plan.undeliverable(record, reason: item.reason)
      case .letter: plan.leaveUnpublished(item.sequence, reason: item.reason)
      }
    case .record(let record, let input): plan.add(input, from: record, keepingEvents: retention)
    case .inbox(let item): plan.handle(item, decoder)
    case .timer(let id): plan.wake(id)
    case .release(let call): plan.release(call)
    case .expired(let event): plan.expire(event)
    case .overdue(let event): plan.expire(event)
    case .fire(let row, let due): plan.fire(row, at: due)
    case .schedule(let row): plan.plan(row)
    case .unschedule(let workflow): plan.unschedule(workflow)
    case .command(let queued): plan.apply(queued)
    }
  }

  /// Does away with it, because nothing that comes of it can be stored.
  func setAside(in plan: inout TurnPlan, reason: String) {
    switch self {
    case .record(let record, _):
      plan.quarantine(record, reason: "unstorable", detail: reason)
      plan.advance(past: record)
    case .inbox(let item):
      plan.quarantine(item.record, reason: "unstorable", detail: reason)
      plan.finish(item, isConsumed: true)
    case .timer(let id): plan.abandon(id, reason: reason)
    case .release(let call): plan.abandon(call.instance, reason: reason)
    case .undeliverable(let item):
      switch item.subject {
      case .request(let request): plan.abandon(request.instance, reason: reason)
      // That there was one, at least.
      case .event(let record): plan.undeliverable(OutgoingRecord(topic: record.topic), reason: reason)
      // Only what the broker said can be what Postgres does not like.
      case .letter: plan.leaveUnpublished(item.sequence, reason: "refused")
      }
    case .expired(let event):
      plan.batch.expired.append(event)
      plan.givenUp.append(GivenUp(what: .expiry, subject: "event \(event.number)", reason: reason))
    case .fire(let row, let due):
      plan.skip(row, at: due)
      plan.givenUp.append(GivenUp(what: .scheduledStart, subject: row.workflow, reason: reason))
    case .schedule(let row):
      plan.unschedule(row.workflow)
      plan.givenUp.append(GivenUp(what: .schedule, subject: row.workflow, reason: reason))
    case .overdue(let event): plan.batch.uncollected.append(event.event)
    case .unschedule(let workflow): plan.unschedule(workflow)
    case .command(let queued): plan.refuse(queued, reason: reason)
    }
  }
}

/// Something that the store refuses to write, and that nothing in the store tells of: only the log and a metric do.
public struct GivenUp: Sendable, Hashable {
  public enum What: String, Sendable, Hashable {
    /// One start of a workflow by its schedule; the next one is tried again.
    case scheduledStart = "scheduled start"
    /// A workflow's schedule, until the shard is taken over again.
    case schedule
    /// The dead letter of an event that expired.
    case expiry
  }

  public let what: What
  public let subject: String
  public let reason: String
}
