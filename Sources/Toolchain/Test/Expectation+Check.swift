import Engine
import Values

/// Compares a run with what was expected of it. Pure.
extension GoldenTests.Expectation {
  public func failures(of run: LocalRun) -> [GoldenResult.Failure] {
    let found: [(String, [String])] = [
      ("status", status(of: run)), ("output", output(of: run)), ("error", error(of: run)), ("tasks", tasks(of: run)),
      ("calls", calls(of: run)), ("emitted", emitted(of: run)), ("duration", duration(of: run)),
    ]
    return found.filter { !$0.1.isEmpty }.map { GoldenResult.Failure(subject: $0.0, lines: $0.1) }
  }

  private func status(of run: LocalRun) -> [String] {
    guard run.status != status else { return [] }
    var lines = ["expected \(status.rawValue), got \(run.status.rawValue)"]
    if run.isEndless { lines.append("it goes on and on, and was given up") }
    // Why it is not as expected; what the test does not name would not be told otherwise.
    if run.status == .faulted, let problem = run.error { lines.append(problem.json.text) }
    lines += run.obstacles.map { "\($0.reference) waits for \($0.detail)" }
    return lines
  }

  private func output(of run: LocalRun) -> [String] {
    guard let output else { return [] }
    guard let actual = run.output else { return ["there is none"] }
    return JSONDifference.between(expected: output.json, actual: actual, isPartial: output.isPartial).map(\.text)
  }

  private func error(of run: LocalRun) -> [String] {
    guard let error else { return [] }
    guard let actual = run.error?.json else { return ["there is none"] }
    return JSONDifference.between(expected: error, actual: actual, isPartial: true).map(\.text)
  }

  private func tasks(of run: LocalRun) -> [String] {
    guard let tasks else { return [] }
    let actual = run.instances[0].tasks.items.filter { $0.status != .skipped }.map(\.name)
    return actual == tasks ? [] : Self.lists(tasks, actual)
  }

  private func calls(of run: LocalRun) -> [String] {
    guard let calls else { return [] }
    guard calls.map(\.channel) == run.calls.map(\.channel) else {
      return Self.lists(calls.map(\.channel), run.calls.map(\.channel))
    }
    return zip(calls, run.calls).enumerated().flatMap { place, pair in
      pair.0.differences(to: pair.1, start: run.start).map { "\(place + 1). \(pair.0.channel): \($0)" }
    }
  }

  private func emitted(of run: LocalRun) -> [String] {
    guard let emitted else { return [] }
    let actual = run.emitted.map(\.event)
    guard actual.count == emitted.count else {
      func types(_ events: [JSON]) -> [String] { events.map { $0["type"]?.string ?? "no type" } }
      return Self.lists(types(emitted), types(actual))
    }
    return zip(emitted, actual).enumerated().flatMap { place, pair -> [String] in
      (pair.0.object ?? [:]).flatMap { name, value in
        JSONDifference.between(expected: value, actual: pair.1[name] ?? .null, at: "/\(name)")
      }.map { "\(place + 1). \($0.text)" }
    }
  }

  private func duration(of run: LocalRun) -> [String] {
    let actual = (run.instances[0].endedAt ?? run.now) - run.start
    guard let duration, duration != actual else { return [] }
    return ["expected \(ISO8601Duration.format(duration)), got \(ISO8601Duration.format(actual))"]
  }

  private static func lists(_ expected: [String], _ actual: [String]) -> [String] {
    func text(_ names: [String]) -> String { names.isEmpty ? "none" : names.joined(separator: ", ") }
    return ["expected \(text(expected))", "     got \(text(actual))"]
  }
}

extension GoldenTests.Call {
  fileprivate func differences(to call: SentCall, start: Timestamp) -> [String] {
    var lines: [String] = []
    if let task, task != call.task, task != call.reference {
      lines.append("expected of \(task), came from \(call.task)")
    }
    if let data {
      lines += JSONDifference.between(expected: data.json, actual: call.data, isPartial: data.isPartial).map(\.text)
    }
    if let attempts, attempts != call.attempts { lines.append("expected \(attempts) attempts, got \(call.attempts)") }
    if let at, start + at != call.at {
      lines.append("expected at \(ISO8601Duration.format(at)), went out at \(ISO8601Duration.format(call.at - start))")
    }
    return lines
  }
}
