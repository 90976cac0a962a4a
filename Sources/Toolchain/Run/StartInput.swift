import Values
import Workflow

/// What starts a workflow: an input, or the events that its schedule waits for.
public struct StartProblem: Error, Hashable, CustomStringConvertible {
  public let description: String
  public let hint: String?
}

extension WorkflowDefinition {
  /// The raw input that an event gives: an array with it, or with one for each filter of `schedule.on.all`.
  ///
  /// - Parameter given: a CloudEvent in its JSON form, or only its data; a list of them for `all`. What is missing is
  ///   filled in from the schedule's filter.
  public func input(startedBy given: JSON, at time: Timestamp) throws(StartProblem) -> JSON {
    guard let consumption = schedule?.on else {
      throw StartProblem(description: "no event starts this workflow", hint: "give it an input instead")
    }
    let filters = consumption.filters
    guard consumption.takesAll else {
      var reason = "it has no 'type'"
      for filter in filters.isEmpty ? [nil] : filters.map(Optional.some) {
        let event = Self.event(given, filter, place: 0, at: time)
        guard event["type"]?.string != nil else { continue }
        guard let filter, let difference = Self.difference(event, filter) else { return [event] }
        reason = difference
      }
      throw StartProblem(description: "this event does not start the workflow: \(reason)", hint: nil)
    }
    guard case .array(let items) = given, items.count == filters.count else {
      throw StartProblem(
        description: "the workflow starts with \(filters.count) events", hint: "give a list with one for each filter")
    }
    var events: [JSON] = []
    for (place, filter) in filters.enumerated() {
      let event = Self.event(items[place], filter, place: place, at: time)
      if let difference = Self.difference(event, filter) {
        throw StartProblem(description: "event \(place + 1) does not start the workflow: \(difference)", hint: nil)
      }
      events.append(event)
    }
    return .array(events)
  }

  /// A value is an event when it says so, or when it has a type and data; else it is the data of one.
  private static func event(_ given: JSON, _ filter: EventFilter?, place: Int, at time: Timestamp) -> JSON {
    let isEvent = given["specversion"] != nil || (given["type"]?.string != nil && given["data"] != nil)
    var event: JSONObject = isEvent ? given.object ?? [:] : ["data": given]
    for attribute in filter?.attributes ?? [] where attribute.name != "data" {
      if case .equals(let value) = attribute.test { event[attribute.name] = event[attribute.name] ?? value }
    }
    return LocalRun.envelope(.object(event), id: "event-\(place + 1)", time: time)
  }

  /// Why the filter does not let the event in.
  private static func difference(_ event: JSON, _ filter: EventFilter) -> String? {
    for attribute in filter.attributes {
      guard case .equals(let expected) = attribute.test else { continue }
      let value = event[attribute.name] ?? .null
      if !value.hasSameValue(as: expected) {
        return "its \(attribute.name) is \(value.text), and the schedule wants \(expected.text)"
      }
    }
    do throws(ExpressionError) {
      return try filter.matches(event) ? nil : "a condition of the schedule does not hold"
    } catch {
      return error.description
    }
  }
}
