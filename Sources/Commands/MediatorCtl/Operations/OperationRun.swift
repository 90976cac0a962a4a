import Engine
import Glibc
import Hosting
import Mediator
import Postgres
import Values

/// Hands in one verb for some instances and waits until their shards have carried it out.
struct OperationRun: Sendable {
  let verb: String
  let arguments: @Sendable (InstanceSummary) throws -> JSON
  let request: RequestOptions
  let pool: PostgresPool
  /// What it would do, where that takes more than the operation.
  var preview: (@Sendable (InstanceSummary, OperationPreview.Subject) -> OperationPreview.Outcome)?

  private static let page = 500

  /// - Throws: when nobody says yes.
  func run(_ targets: [InstanceSummary], warning: String? = nil) async throws -> OperationReport {
    var report = OperationReport(verb: verb, isDryRun: request.dryRun)
    guard !targets.isEmpty else { return report }
    if let warning { writeToStandardError(warning) }
    if request.dryRun {
      for target in targets { report.lines.append(try await preview(target)) }
      return report
    }
    let count = targets.count == 1 ? "this instance" : "\(targets.count) instances"
    try request.confirm("\(verb) \(count)?", count: targets.count, warns: warning != nil)
    let commands = try targets.map(command)
    var progress = Progress(verb: verb, total: targets.count)
    for start in stride(from: 0, to: targets.count, by: Self.page) {
      let page = start..<min(start + Self.page, targets.count)
      report.lines += try await carryOut(Array(commands[page]), Array(targets[page]), &progress)
    }
    return report
  }

  private func command(_ target: InstanceSummary) throws -> OperatorCommand {
    OperatorCommand(
      request: request.id(for: target.id, verb), instance: target.id, verb: verb, arguments: try arguments(target),
      author: request.who, reason: request.reason, requestedAt: .now())
  }

  private func carryOut(
    _ commands: [OperatorCommand], _ targets: [InstanceSummary], _ progress: inout Progress
  ) async throws -> [OperationReport.Line] {
    let desk = OperatorDesk(pool: pool)
    _ = try await desk.submit(commands)
    let deadline = ContinuousClock.now + request.timeout.duration
    var outcomes: [UUIDValue: AuditRow] = [:]
    var pause = Duration.milliseconds(50)
    while true {
      let open = commands.map(\.request).filter { outcomes[$0] == nil }
      for row in try await desk.outcomes(of: open) { outcomes[row.command.request] = row }
      progress.tell(outcomes.count)
      if outcomes.count == commands.count || .now >= deadline { break }
      // What other processes do is found out by asking; NOTIFY would be one more connection, and only a hint.
      try await Task.sleep(for: pause)
      pause = min(pause * 2, .milliseconds(500))
    }
    progress.done += commands.count
    let waiting = try await desk.ownerlessShards(of: commands.map(\.request).filter { outcomes[$0] == nil })
    return zip(commands, targets).map { command, target in
      guard let row = outcomes[command.request] else {
        let reason = waiting.contains(target.shard) ? "no mediator owns shard \(target.shard)" : "no answer yet"
        return .init(instance: target, request: command.request, outcome: .queued(reason))
      }
      return .init(instance: target, request: command.request, outcome: .init(row.outcome))
    }
  }

  /// How far a bulk has come, told every two seconds while it takes longer.
  private struct Progress {
    let verb: String
    let total: Int
    /// Of the pages before.
    var done = 0
    private var next = ContinuousClock.now + .seconds(2)

    init(verb: String, total: Int) {
      self.verb = verb
      self.total = total
    }

    mutating func tell(_ ofThisPage: Int) {
      guard total > 1, .now >= next else { return }
      next = .now + .seconds(2)
      writeToStandardError("\(verb): \(done + ofThisPage) of \(total)")
    }
  }

  private func preview(_ target: InstanceSummary) async throws -> OperationReport.Line {
    let id = request.id(for: target.id, verb)
    guard let subject = try await OperationPreview(pool: pool).subject(target.id) else {
      return .init(instance: target, request: id, outcome: .refused("it is there no more"))
    }
    switch try await outcome(target, subject) {
    case .applied(let status, let entries):
      return .init(instance: target, request: id, outcome: .wouldApply(status, entries))
    case .refused(let why): return .init(instance: target, request: id, outcome: .refused(why))
    }
  }
}

extension OperationRun {
  private func outcome(
    _ target: InstanceSummary, _ subject: OperationPreview.Subject
  ) async throws -> OperationPreview.Outcome {
    if let preview { return preview(target, subject) }
    let arguments = try arguments(target)
    guard verb == OperatorCommand.replayVerb else {
      return OperationPreview.preview(try Operation(arguments), reason: request.reason, on: subject, now: .now())
    }
    var engine = subject.engine
    if arguments["latest"]?.bool == true {
      let latest = try await OperationPreview(pool: pool).engine(of: target.namespace, target.name, version: "latest")
      engine = latest.engine ?? engine
    }
    return OperationPreview.preview(replayOf: subject, by: engine, now: .now())
  }
}

/// What a verb did, or would do.
struct OperationReport: Sendable {
  enum Outcome: Sendable {
    case applied(result: UUIDValue?)
    case refused(String)
    /// Handed in, and not carried out in time; it still will be.
    case queued(String)
    case wouldApply(InstanceStatus?, [JournalEntry])

    init(_ outcome: AuditRow.Outcome) {
      self =
        switch outcome {
        case .applied(let result): .applied(result: result)
        case .refused(let why): .refused(why)
        }
    }

    var word: String {
      switch self {
      case .applied: "applied"
      case .refused: "refused"
      case .queued: "queued"
      case .wouldApply: "would be applied"
      }
    }
  }

  struct Line: Sendable {
    let instance: InstanceSummary
    let request: UUIDValue
    let outcome: Outcome
  }

  let verb: String
  let isDryRun: Bool
  var lines: [Line] = []

  var failure: CommandFailure? {
    let queued = lines.count { if case .queued = $0.outcome { true } else { false } }
    let refused = lines.count { if case .refused = $0.outcome { true } else { false } }
    if queued > 0 {
      return CommandFailure(
        "\(queued) of \(lines.count) are not carried out yet", why: "they stay queued, and will be",
        next: "'mediatorctl status' shows which shards have an owner, 'mediatorctl audit' what was done",
        status: .timeout)
    }
    guard refused > 0 else { return nil }
    return CommandFailure("\(refused) of \(lines.count) were refused", next: "the reason stands beside each")
  }

  var json: JSON {
    [
      "verb": .string(verb), "dryRun": .bool(isDryRun),
      "instances": .array(
        lines.map { line in
          var json: JSONObject = [
            "id": .string(line.instance.id.text), "request": .string(line.request.text),
            "outcome": .string(line.outcome.word),
          ]
          switch line.outcome {
          case .applied(let result): json["result"] = .text(result?.text)
          case .refused(let why), .queued(let why): json["detail"] = .string(why)
          case .wouldApply(let status, let entries):
            json["status"] = .text(status?.rawValue)
            json["entries"] = .array(entries.map(\.json))
          }
          return .object(json)
        }),
    ]
  }

  func text(_ style: Style) -> String {
    guard !lines.isEmpty else { return "No instances." }
    var table = Table([
      .init(title: "ID"), .init(title: "WORKFLOW", minimum: 10), .init(title: "WAS"), .init(title: "OUTCOME"),
      .init(title: "DETAIL", minimum: 20),
    ])
    for line in lines {
      table.add([
        .init(style.isTerminal ? String(line.instance.id.text.prefix(13)) : line.instance.id.text),
        .init("\(line.instance.namespace)/\(line.instance.name)"),
        .init(line.instance.status.rawValue, line.instance.status.colour),
        .init(line.outcome.word, line.outcome.colour), .init(line.outcome.detail),
      ])
    }
    return table.render(style)
  }
}

extension OperationReport.Outcome {
  fileprivate var colour: Colour? {
    switch self {
    case .applied: .green
    case .refused: .red
    case .queued: .yellow
    case .wouldApply: nil
    }
  }

  fileprivate var detail: String {
    switch self {
    case .applied(let result): result.map { "started \($0.text)" } ?? ""
    case .refused(let why), .queued(let why): why
    case .wouldApply(let status, let entries):
      ([status.map { "then \($0.rawValue)" }].compactMap(\.self) + entries.compactMap(\.effect)).joined(separator: "; ")
    }
  }
}

extension JournalEntry {
  /// What of it reaches somebody else.
  fileprivate var effect: String? {
    switch self {
    case .requested(let request): "sends to \(request.channel) (\(request.reference), attempt \(request.attempt))"
    case .emitted(let event): "emits \(event.event["type"]?.string ?? "an event") (\(event.reference))"
    case .childStarted(let child): "starts \(child.namespace)/\(child.name)"
    case .childCancelled(let id): "cancels \(id.text)"
    case .compensating(let reference): "compensates \(reference)"
    case .migrated(let record, _): "runs \(record.to) instead of \(record.from)"
    default: nil
    }
  }
}
