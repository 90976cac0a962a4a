import Engine
import Toolchain
import Values
import Workflow

/// A local run for people: what happened, line by line, and how it ended.
struct RunReport {
  private let run: LocalRun

  init(_ run: LocalRun) { self.run = run }

  func text(_ style: Style) -> String {
    var parts = [timeline(style), ending(style)]
    let obstacles = run.obstacles
    if !obstacles.isEmpty {
      var fields = FieldList()
      for obstacle in obstacles { fields.add("  \(plain(obstacle.task))", plain(obstacle.detail)) }
      parts.append("Waiting for\n" + fields.render(style))
    }
    if run.isEndless {
      parts.append("It goes on and on: after \(LocalRun.maxMoments) moments the run was given up.")
    }
    if run.status == .completed, let output = run.output { parts.append(section("Output", output)) }
    if let error = run.error { parts.append(section("Error", error.json)) }
    return parts.joined(separator: "\n\n")
  }

  private func ending(_ style: Style) -> String {
    let duration = Self.elapsed((run.instances[0].endedAt ?? run.now) - run.start)
    return "\(style.painted(run.status.rawValue, run.status.colour)) after \(duration)"
  }

  private static func elapsed(_ duration: Duration) -> String {
    duration == .zero ? "0 s" : TimeText.duration(duration)
  }

  private static func text(_ problem: ProblemDetails) -> String { "\(problem.status) \(problem.summary)" }

  private func section(_ title: String, _ value: JSON) -> String {
    "\(title)\n  " + value.pretty().split(separator: "\n").map { plain(String($0)) }.joined(separator: "\n  ")
  }

  private func plain(_ text: String) -> String { TextWidth.plain(text) }

  // MARK: Timeline

  /// One line: a sign, a name, and what there is to say.
  private struct Line {
    var sign: String
    var colour: Colour?
    var name: String
    var text = ""
    var depth = 0
  }

  private func timeline(_ style: Style) -> String {
    let lines = run.records.compactMap { record in line(record).map { (record, $0) } }
    let times = lines.map { Self.elapsed($0.0.time - run.start) }
    let width = times.map { TextWidth.of($0) }.max() ?? 0
    var rows: [String] = []
    for (place, (_, line)) in lines.enumerated() {
      // The same time is told once.
      let time = place > 0 && times[place - 1] == times[place] ? "" : times[place]
      let padding = String(repeating: " ", count: width - TextWidth.of(time))
      let indent = String(repeating: "  ", count: line.depth)
      let used = width + 2 + 2 * line.depth + 2 + TextWidth.of(line.name) + 2
      let text = style.width.map { TextWidth.truncate(plain(line.text), to: max($0 - used, 16)) } ?? plain(line.text)
      var row = "\(padding)\(style.painted(time, .faint))  \(indent)\(style.painted(line.sign, line.colour)) "
      row += style.painted(plain(line.name), .bold) + (text.isEmpty ? "" : "  \(text)")
      rows.append(row)
    }
    return rows.joined(separator: "\n")
  }

  private func line(_ record: RunRecord) -> Line? {
    var line: Line?
    switch record.fact {
    case .journal(let entry): line = record.instance.flatMap { self.line(entry, of: $0, at: record.time) }
    case .unanswered(let request, _):
      line = task("?", .yellow, request.reference, record.instance, "nothing answers")
    case .event(let event, let isTaken):
      let origin = record.instance == nil ? "event" : "emits"
      let text = "\(event["data"]?.text ?? "")\(isTaken || record.instance != nil ? "" : "  (nothing listens)")"
      line = Line(sign: "◆", colour: .blue, name: "\(origin) \(event["type"]?.string ?? "")", text: text)
    case .unknownWorkflow(let name):
      line = Line(
        sign: "?", colour: .yellow, name: name,
        text: "is not known here: give its file (--with FILE), or mock it under 'workflows'")
    case .badEvent(let reason): line = Line(sign: "?", colour: .yellow, name: "event", text: reason)
    case .stopped(let reason): line = Line(sign: "⊘", colour: .yellow, name: "cancel", text: reason)
    }
    line?.depth += record.instance.map(depth) ?? 0
    return line
  }

  private func line(_ entry: JournalEntry, of place: Int, at time: Timestamp) -> Line? {
    let definition = run.instances[place].definition
    func task(_ sign: String, _ colour: Colour?, _ reference: String, _ text: String = "") -> Line {
      self.task(sign, colour, reference, place, text)
    }
    switch entry {
    case .workflowStarted: return Line(sign: "▶", colour: .blue, name: definition.title)
    case .taskStarted(_, let reference):
      guard let text = opening(definition.task(at: reference)) else { return nil }
      return task("•", nil, reference, text)
    case .taskSkipped(let reference): return task("-", .faint, reference, "its 'if' is false")
    case .requested(let request):
      let attempt = request.attempt > 1 ? "attempt \(request.attempt)  " : ""
      return task("→", .blue, request.reference, "\(request.channel)  \(attempt)\(request.data.text)")
    case .attemptFailed(_, let reference, _, let problem, let retryAt):
      return task("↻", .yellow, reference, "\(Self.text(problem)); again in \(TimeText.duration(retryAt - time))")
    case .taskCompleted(_, let reference, let output): return task("✓", .green, reference, output.text)
    case .taskFaulted(_, let reference, let problem): return task("✗", .red, reference, Self.text(problem))
    case .taskCancelled(_, let reference): return task("⊘", .yellow, reference, "cancelled")
    case .compensating(let reference): return task("↶", .yellow, reference, "is compensated")
    case .workflowCompleted: return Line(sign: "■", colour: .green, name: "completed")
    case .workflowFaulted(let problem): return Line(sign: "■", colour: .red, name: "faulted", text: Self.text(problem))
    case .workflowCancelled(let reason): return Line(sign: "■", colour: .yellow, name: "cancelled", text: reason)
    case .workflowSuspended(let reason): return Line(sign: "‖", colour: .yellow, name: "suspended", text: reason)
    case .workflowResumed(let reason): return Line(sign: "▶", colour: .blue, name: "resumed", text: reason)
    case .operated(let operation, let reason):
      return Line(sign: "✎", colour: .yellow, name: operation.verb, text: reason)
    case .migrated(let record, let reason):
      return Line(sign: "✎", colour: .yellow, name: "migrated", text: "\(record.path)  \(reason)")
    case .taskReopened(_, let reference): return task("↻", .yellow, reference, "goes on")
    case .workflowPending, .callQueued, .emitted, .childStarted, .childCancelled, .contextExported: return nil
    }
  }

  /// Of tasks that take a while; the others are told by what they do.
  private func opening(_ task: TaskDefinition?) -> String? {
    switch task?.kind {
    case .do, .for, .fork, .try, .listen, .run, .wait: task?.kind.keyword
    case .function(let function): "call \(function.name)"
    case .set, .call, .switch, .emit, .raise, .extended, nil: nil
    }
  }

  private func task(_ sign: String, _ colour: Colour?, _ reference: String, _ place: Int?, _ text: String) -> Line {
    let known = place.flatMap { run.instances[$0].definition.task(at: reference)?.name }
    let name = known ?? reference.split(separator: "/").last.map(String.init) ?? reference
    // A task's place in its list is a number, so there is one for each scope around it.
    let depth = reference.split(separator: "/").count { Int($0) != nil }
    return Line(sign: sign, colour: colour, name: name, text: text, depth: max(depth, 1))
  }

  /// How many workflows are around it.
  private func depth(of place: Int) -> Int {
    var depth = 0
    var current = run.instances[place].parent
    while let parent = current {
      depth += 2
      current = run.instances[parent].parent
    }
    return depth
  }
}
