import Engine
import Values
import Workflow

/// Listening.
extension NaiveInterpreter {
  final class Listener {
    let run: Run
    let listen: Listen
    /// By filter, by name.
    let expected: [[String: JSON]]
    var established: [String: JSON] = [:]
    var matched: Set<Int> = []
    var results: [JSON] = []
    var queue: [JSON] = []
    var isIterating = false
    var isClosed = false
    var count = 0

    init(_ run: Run, _ listen: Listen, _ expected: [[String: JSON]]) {
      self.run = run
      self.listen = listen
      self.expected = expected
    }
  }

  func listen(_ run: Run, _ listen: Listen) throws {
    let expected = try listen.to.allFilters.map { filter in
      try filter.correlations.reduce(into: [String: JSON]()) { values, correlation in
        values[correlation.name] = try correlation.expect.map { try evaluate($0, run) }
      }
    }
    listeners.append(Listener(run, listen, expected))
  }

  func offer(_ event: JSON) {
    listeners.removeAll { !$0.run.node.isOpen || $0.isClosed }
    var takers = 0
    defer { if takers > 1 { isShared = true } }
    for listener in listeners where listener.run.node.isOpen && !listener.isClosed {
      perform(listener.run) { if try offer(event, to: listener) { takers += 1 } }
    }
  }

  /// - Returns: whether it took the event.
  private func offer(_ event: JSON, to listener: Listener) throws -> Bool {
    let consumption = listener.listen.to
    if case .any(let filters, .events(let end)) = consumption,
      try isWanted(event, by: end, offset: filters.count, listener)
    {
      switch end {
      case .one, .any: listener.isClosed = true
      case .all(let last):
        listener.isClosed = (filters.count..<filters.count + last.count).allSatisfy(listener.matched.contains)
      }
    } else if try isWanted(event, by: consumption, offset: 0, listener) {
      listener.queue.append(read(event, listener.listen.read))
      let consumed = JSON.array(listener.results + listener.queue)
      switch consumption {
      case .one, .any(_, nil): listener.isClosed = true
      case .all(let filters): listener.isClosed = (0..<filters.count).allSatisfy(listener.matched.contains)
      case .any(_, .condition(let condition)):
        let variables = lookup(listener.run.frame, listener.run.environment)
        listener.isClosed = try condition.isTrue(consumed, variables: variables)
      case .any(_, .events): break
      }
    } else {
      return false
    }
    proceed(listener)
    return true
  }

  /// Whether a filter takes it; of `all`, one that has none yet.
  private func isWanted(_ event: JSON, by consumption: EventConsumption, offset: Int, _ listener: Listener) throws
    -> Bool
  {
    if consumption.isEveryEvent { return true }
    for (place, filter) in consumption.filters.enumerated() {
      if consumption.takesAll, listener.matched.contains(offset + place) { continue }
      if try matches(event, filter, offset + place, listener) {
        listener.matched.insert(offset + place)
        return true
      }
    }
    return false
  }

  private func matches(_ event: JSON, _ filter: EventFilter, _ place: Int, _ listener: Listener) throws -> Bool {
    let variables = lookup(listener.run.frame, listener.run.environment)
    guard filter.mayMatch(event) else { return false }
    var found: [String: JSON] = [:]
    for correlation in filter.correlations {
      guard let value = try? correlation.from.evaluate(event, variables: { _ in nil }) else { return false }
      if let wanted = listener.expected[place][correlation.name] ?? listener.established[correlation.name] {
        if wanted.canonicalText != value.canonicalText { return false }
      } else {
        // What has nothing to correlate by correlates with nothing.
        if value == .null { return false }
        found[correlation.name] = value
      }
    }
    guard try filter.matches(event, variables: variables) else { return false }
    listener.established.merge(found) { old, _ in old }
    return true
  }

  private func read(_ event: JSON, _ reading: Listen.Reading) -> JSON {
    switch reading {
    case .envelope: event
    case .data: event["data"] ?? .null
    case .raw: event["data"].map { .string($0.text) } ?? .null
    }
  }

  private func proceed(_ listener: Listener) {
    guard listener.run.node.isOpen, !listener.isIterating else { return }
    guard let iterator = listener.listen.iterator else {
      if listener.isClosed { complete(listener.run, .array(listener.queue)) }
      return
    }
    guard let item = listener.queue.first else {
      if listener.isClosed { complete(listener.run, .array(listener.results)) }
      return
    }
    let environment = inside(listener.run).naming([
      iterator.item: item, iterator.at: .number(JSONNumber(listener.count)),
    ])
    listener.isIterating = true
    let finish: (JSON) -> Void = { [unowned self] raw in
      perform(listener.run) {
        let variables = lookup(listener.run.frame, environment)
        let output = try iterator.output?.as?.evaluate(raw, variables: variables) ?? raw
        if let schema = iterator.output?.schema, !schema.violations(of: output).isEmpty {
          return fault(listener.run, Problems.validation("", at: listener.run.task.reference))
        }
        let frame = Frame(listener.run.task, listener.run.frame.rawInput, at: listener.run.frame.startedAt)
        frame.input = listener.run.frame.input
        frame.output = output
        if let export = iterator.export?.as {
          context = try export.evaluate(output, variables: lookup(frame, environment))
        }
        listener.results.append(output)
        listener.queue.removeFirst()
        listener.count += 1
        listener.isIterating = false
        proceed(listener)
      }
    }
    guard let tasks = iterator.tasks else { return finish(item) }
    scope(tasks, listener.run.frame.input, environment) { output, _ in finish(output) }
  }
}
