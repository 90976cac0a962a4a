import Engine
import Metrics
import Values

/// The counters and timers of the batch loops, all shards of a process together.
struct MediatorMetrics: Sendable {
  private let records = Counter(label: "mediator_records_total")
  private let started = Counter(label: "mediator_instances_started_total")
  private let requests = Counter(label: "mediator_processing_events_total")
  private let forwarded = Counter(label: "mediator_replies_forwarded_total")
  private let ignored: [IgnoredReason: Counter]
  private let stages: [TurnReport.Stage: FloatingPointCounter]
  private let turns = Counter(label: "mediator_batches_total")

  init() {
    ignored = Dictionary(
      uniqueKeysWithValues: IgnoredReason.allCases.map {
        ($0, Counter(label: "mediator_inputs_ignored_total", dimensions: [("reason", $0.rawValue)]))
      })
    stages = Dictionary(
      uniqueKeysWithValues: TurnReport.Stage.allCases.map {
        ($0, FloatingPointCounter(label: "mediator_batch_seconds_total", dimensions: [("stage", $0.rawValue)]))
      })
  }

  func record(_ report: TurnReport) {
    guard report.records > 0 || report.times.count > 1 else { return }
    turns.increment()
    records.increment(by: report.records)
    started.increment(by: report.started)
    requests.increment(by: report.requests)
    forwarded.increment(by: report.forwarded)
    for (reason, count) in report.ignored { ignored[reason]?.increment(by: count) }
    for (stage, time) in report.times { stages[stage]?.increment(by: time.seconds) }
    for (status, count) in report.ended {
      Counter(label: "mediator_instances_ended_total", dimensions: [("status", status.rawValue)]).increment(by: count)
    }
    for item in report.givenUp {
      Counter(label: "mediator_given_up_total", dimensions: [("what", item.what.rawValue)]).increment()
    }
    for (reason, count) in report.deadLetters {
      Counter(label: "mediator_dead_letters_total", dimensions: [("reason", reason)]).increment(by: count)
    }
  }
}
