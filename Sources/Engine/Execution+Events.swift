import Values
import Workflow

/// Events: emitted, and listened to.
extension Execution {
  // MARK: Emit

  mutating func emit(_ emission: Emission, _ begun: Begun) throws(ExpressionError) -> Move? {
    let attributes = try emission.attributes.evaluate(begun.input, variables: { variable($0, begun) })
    let id = state.nextActivity
    guard case .object(let given) = attributes else {
      let detail = "'emit.event.with' must give an object, not \(attributes.kindName)"
      return failedToStart(begun, Problems.expression(detail, at: begun.task.reference))
    }
    let event = envelope(given, activity: id)
    for name in ["id", "source", "type"] {
      guard let text = event[name]?.string, !text.isEmpty else {
        let detail = "the event's '\(name)' must be text, not \((event[name] ?? .null).text)"
        return failedToStart(begun, Problems.validation(detail, at: begun.task.reference))
      }
    }
    if let detail = refusal(of: .object(event), "event") {
      return failedToStart(begun, Problems.validation(detail, at: begun.task.reference))
    }
    let activity = try openTask(begun)
    record(.emitted(EmittedEvent(activity: activity, reference: begun.task.reference, event: .object(event))))
    return .complete(activity: activity, output: .object(event))
  }

  /// The event with what every event has; an id of its own, if it is given none, is the same for one task execution.
  private func envelope(_ given: JSONObject, activity: Int) -> JSONObject {
    let document = definition.document
    let defaults: JSONObject = [
      "specversion": "1.0", "id": .string("\(state.id.text).\(activity)"),
      "source": .string("/workflows/\(document.namespace)/\(document.name)/\(document.version)"),
      "time": .string(now.rfc3339), "datacontenttype": "application/json",
    ]
    var event = defaults
    for (name, value) in given where !(value.isNull && name != "data") { event[name] = value }
    event["specversion"] = "1.0"
    return event
  }

  // MARK: Listen

  mutating func startListening(_ listen: Listen, _ begun: Begun) throws(ExpressionError) -> Move? {
    let filters = listen.to.allFilters
    var progress = ListenProgress(matched: filters.map { _ in false }, expected: [])
    for filter in filters {
      var expected: JSONObject = [:]
      for correlation in filter.correlations {
        expected[correlation.name] = try correlation.expect?.evaluate(
          begun.input, variables: { variable($0, begun) })
      }
      progress.expected.append(expected)
    }
    _ = try openTask(begun, phase: .listening(progress))
    return nil
  }

  /// Offers an event to everything that listens.
  mutating func offer(_ event: JSON) -> Disposition {
    let listening = state.activities.filter { activity in
      if case .listening(let progress) = activity.phase { !progress.isClosed } else { false }
    }
    var isConsumed = false
    for activity in listening {
      guard let index = state.activityIndex(activity.id) else { continue }
      do throws(ExpressionError) {
        guard let move = try consume(event, state.activities[index]) else { continue }
        isConsumed = true
        if let move = move.next { run(from: move) } else { drain() }
      } catch {
        isConsumed = true
        run(from: .fault(activity: activity.id, Problems.expression(error.message, at: activity.reference)))
      }
    }
    return isConsumed ? .applied : .ignored(.unwanted)
  }

  private struct Consumed { let next: Move? }

  /// - Returns: nil when the event is not for this activity.
  private mutating func consume(_ event: JSON, _ activity: Activity) throws(ExpressionError) -> Consumed? {
    guard let (task, listen) = listen(of: activity), case .listening(var progress) = activity.phase else { return nil }
    let variables = taskScope(task, inside: activity)
    let count = listen.to.filters.count
    if case .events(let consumption)? = listen.to.until {
      let filters = consumption.allFilters
      if let place = try match(event, filters, from: count, consumption.takesAll, &progress, variables) {
        progress.matched[place] = true
        let isOver = !consumption.takesAll || progress.matched[count...].allSatisfy(\.self)
        progress.isClosed = isOver
        return Consumed(next: advance(activity, progress))
      }
    }
    guard
      let place = listen.to.isEveryEvent
        ? count : try match(event, listen.to.filters, from: 0, listen.to.takesAll, &progress, variables)
    else { return nil }
    if place < count { progress.matched[place] = true }
    let value = listen.read.value(of: event)
    if listen.iterator == nil { progress.consume(value) } else { progress.enqueue(value) }
    switch listen.to {
    case .one, .any(_, until: nil): progress.isClosed = true
    case .all: progress.isClosed = progress.matched.allSatisfy(\.self)
    case .any(_, until: .condition(let condition)?):
      progress.isClosed = try condition.isTrue(
        .array(progress.consumed + progress.queue), variables: variables.value)
    case .any(_, until: .events?): break
    }
    return Consumed(next: advance(activity, progress))
  }

  /// The place of the filter that takes the event; what it establishes goes into the progress.
  private func match(
    _ event: JSON, _ filters: [EventFilter], from first: Int, _ once: Bool, _ progress: inout ListenProgress,
    _ variables: VariableScope
  ) throws(ExpressionError) -> Int? {
    for (offset, filter) in filters.enumerated() {
      let place = first + offset
      if once && progress.matched[place] { continue }
      var established = progress.established
      // What does not correlate is for somebody else, whatever its data does to the expressions here.
      guard filter.mayMatch(event), correlates(event, filter, progress.expected[place], &established),
        try filter.matches(event, variables: variables.value)
      else { continue }
      progress.established = established
      return place
    }
    return nil
  }

  private func correlates(
    _ event: JSON, _ filter: EventFilter, _ expected: JSONObject, _ established: inout JSONObject
  ) -> Bool {
    for correlation in filter.correlations {
      // As in the index that finds what waits for an event: one without such a value is for nobody.
      guard let value = try? correlation.from.evaluate(event, variables: { _ in nil }) else { return false }
      if let wanted = expected[correlation.name] ?? established[correlation.name] {
        guard wanted.hasSameValue(as: value) else { return false }
      } else {
        // An event that has nothing to correlate by cannot be the first.
        guard !value.isNull else { return false }
        established[correlation.name] = value
      }
    }
    return true
  }

  // MARK: Iterating

  /// Stores the progress and goes on with what it makes possible.
  private mutating func advance(_ activity: Activity, _ progress: ListenProgress) -> Move? {
    guard let index = state.activityIndex(activity.id), let (_, listen) = listen(of: activity) else { return nil }
    var progress = progress
    if !progress.isIterating, !progress.queue.isEmpty, let iterator = listen.iterator {
      progress.isIterating = true
      state.activities[index].phase = .listening(progress)
      if iterator.tasks != nil { return .enter(scope: activity.id, position: 0, input: activity.input) }
      return iterated(state.activities[index], progress, progress.queue[0])
    }
    state.activities[index].phase = .listening(progress)
    guard progress.isClosed, progress.queue.isEmpty else { return nil }
    return .complete(activity: activity.id, output: .array(progress.consumed))
  }

  /// One event's iteration has come to its end.
  mutating func iterated(_ activity: Activity, _ progress: ListenProgress, _ output: JSON) -> Move? {
    guard let (task, listen) = listen(of: activity), let iterator = listen.iterator else { return nil }
    let variables = taskScope(task, inside: activity)
    do throws(ExpressionError) {
      let result = try iterator.output?.as?.evaluate(output, variables: variables.value) ?? output
      let schema = iterator.output?.schema
      if let problem = schema.flatMap({ violation(of: $0, result, "output", activity.reference) }) {
        return .fault(activity: activity.id, problem)
      }
      variables.output = result
      if let problem = try exported(iterator.export, result, variables, activity.reference) {
        return .fault(activity: activity.id, problem)
      }
      var progress = progress
      progress.consume(result)
      progress.dequeue()
      progress.iterations += 1
      progress.isIterating = false
      return advance(activity, progress)
    } catch {
      return .fault(activity: activity.id, Problems.expression(error.message, at: activity.reference))
    }
  }

  func listen(of activity: Activity) -> (TaskDefinition, Listen)? {
    guard let task = definition.task(at: activity.reference), case .listen(let listen) = task.kind else { return nil }
    return (task, listen)
  }
}

extension Listen.Reading {
  func value(of event: JSON) -> JSON {
    switch self {
    case .data: event["data"] ?? event["data_base64"] ?? .null
    case .envelope: event
    case .raw: event["data_base64"] ?? (event["data"].map { .string($0.text) } ?? .null)
    }
  }
}
