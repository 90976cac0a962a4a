import Engine
import Mediator
import Postgres
import Values
import Wire

/// What became of an event that was sent.
struct EventOutcome: Sendable {
  var instances: [InstanceSummary] = []
  var deadLetter: DeadLetterSummary?

  /// An event starts all its instances at once, so one that is known means that all are.
  var isSettled: Bool {
    deadLetter != nil || (!instances.isEmpty && instances.allSatisfy(\.status.isTerminal))
  }
}

/// Looks into the database until events have led somewhere.
struct EventWatch {
  private let instances: InstanceQueries
  private let deadLetters: DeadLetterQueries
  private let clock = ContinuousClock()

  init(_ pool: PostgresPool) {
    instances = InstanceQueries(pool: pool)
    deadLetters = DeadLetterQueries(pool: pool)
  }

  /// Finds out that there is no database before anything is sent.
  func prepare() async throws { _ = try await instances.instances(ofEvent: "", source: "") }

  /// - Returns: what is known of each event when all are settled, or when the time is over.
  func outcomes(of events: [SentEvent], within limit: Duration) async throws -> [EventOutcome] {
    let begin = clock.now
    var outcomes = [EventOutcome](repeating: EventOutcome(), count: events.count)
    var pause = Duration.milliseconds(20)
    while true {
      // Workflows may be deployed meanwhile, so the ids are asked for every time.
      let elapsed = begin.duration(to: clock.now)
      for index in events.indices where !outcomes[index].isSettled {
        outcomes[index] = try await outcome(of: events[index], sentWithin: elapsed + .seconds(60))
      }
      let left = limit - begin.duration(to: clock.now)
      if left <= .zero || outcomes.allSatisfy(\.isSettled) { return outcomes }
      try await clock.sleep(for: min(pause, left))
      pause = min(pause * 2, .milliseconds(500))
    }
  }

  private func outcome(of sent: SentEvent, sentWithin age: Duration) async throws -> EventOutcome {
    let candidates = try await instances.instances(ofEvent: sent.event.id, source: sent.event.source)
    let started = try await instances.summaries(of: candidates.map(\.id))
    guard started.isEmpty, let partition = sent.partition else { return EventOutcome(instances: started) }
    let letter = try await deadLetters.deadLetter(
      of: sent.topic, partition: partition, offset: sent.offset, age: age)
    return EventOutcome(deadLetter: letter)
  }
}

/// Events that were sent, and what became of them when that was waited for.
struct EventReport: Sendable {
  private let sent: [SentEvent]
  private let outcomes: [EventOutcome]?

  init(_ sent: [SentEvent], _ outcomes: [EventOutcome]? = nil) {
    self.sent = sent
    self.outcomes = outcomes
  }

  /// What an exit status other than 0 has to tell.
  func failure(timeout: Duration) -> CommandFailure? {
    guard let outcomes else { return nil }
    let open = outcomes.count { !$0.isSettled }
    if open > 0 {
      let limit = TimeText.duration(timeout)
      let isUnseen = outcomes.contains { $0.instances.isEmpty && $0.deadLetter == nil }
      return CommandFailure(
        open == 1 ? "the event's instances have not ended within \(limit)" : "\(open) events are open after \(limit)",
        next: isUnseen
          ? "'mediatorctl status' shows whether mediators hold the shards"
          : "'mediatorctl instances show ID' shows what it waits for; --timeout waits longer",
        status: .timeout)
    }
    if let letter = outcomes.lazy.compactMap(\.deadLetter).first {
      return CommandFailure(
        "the event became a dead letter (\(letter.reason))", why: letter.detail,
        next: "'mediatorctl workflows show NAME' shows what starts a workflow")
    }
    if let ended = outcomes.lazy.flatMap(\.instances).first(where: { $0.status != .completed }) {
      return CommandFailure(
        "instance \(ended.id.text) is \(ended.status.rawValue)", why: ended.error?.summary,
        next: "mediatorctl instances show \(ended.id.text)")
    }
    return nil
  }

  var json: JSON {
    ["events": .array(sent.indices.map(json))]
  }

  private func json(_ index: Int) -> JSON {
    let item = sent[index]
    var object: JSONObject = [
      "id": .string(item.event.id), "source": .string(item.event.source), "topic": .string(item.topic),
      "partition": .integer(item.partition), "offset": item.offset < 0 ? .null : .integer(item.offset),
    ]
    if let outcome = outcomes?[index] {
      object["settled"] = .bool(outcome.isSettled)
      object["instances"] = .array(outcome.instances.map { .object($0.json) })
      object["deadLetter"] =
        outcome.deadLetter.map { ["reason": .string($0.reason), "detail": .string($0.detail)] } ?? .null
    }
    return .object(object)
  }

  func text(_ style: Style) -> String {
    var table = Table([
      .init(title: "EVENT"), .init(title: "TOPIC"), .init(title: "PARTITION", alignment: .right),
      .init(title: "OFFSET", alignment: .right),
    ])
    for item in sent {
      table.add([
        .init(item.event.id), .init(item.topic), .init(item.partition.map { "\($0)" } ?? "-"),
        .init(item.offset < 0 ? "-" : "\(item.offset)"),
      ])
    }
    guard let outcomes else { return table.render(style) }
    return table.render(style) + "\n\n" + ended(outcomes).render(style)
  }

  private func ended(_ outcomes: [EventOutcome]) -> Table {
    var table = Table([
      .init(title: "INSTANCE"), .init(title: "WORKFLOW"), .init(title: "STATUS"),
      .init(title: "DURATION", alignment: .right), .init(title: "ERROR", minimum: 12),
    ])
    for (item, outcome) in zip(sent, outcomes) {
      for instance in outcome.instances {
        table.add([
          .init(instance.id.text), .init("\(instance.namespace)/\(instance.name) \(instance.version)"),
          .init(instance.status.rawValue, instance.status.colour), .init(instance.duration(until: nil)),
          .init(instance.error?.summary ?? ""),
        ])
      }
      if outcome.instances.isEmpty {
        let letter = outcome.deadLetter
        table.add([
          .init("-"), .init("-"), letter == nil ? .init("not seen yet", .yellow) : .init("dead letter", .red),
          .init(""),
          .init(letter.map { "\($0.reason): \($0.detail)" } ?? item.event.id),
        ])
      }
    }
    return table
  }
}
