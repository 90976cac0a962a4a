import Engine
import Values
import Workflow

/// Events: those of the mocks, and those that workflows emit.
extension LocalRun {
  /// Puts what the mocks bring by themselves on the agenda.
  mutating func plan(_ input: JSON) {
    for (place, event) in mocks.events.enumerated() {
      let time: Timestamp =
        switch event.moment {
        case .afterStart(let duration): start + duration
        case .at(let time): max(time, start)
        }
      do throws(ExpressionError) {
        let given = try event.event.evaluate(input) { _ in nil }
        guard given["type"]?.string != nil else {
          record(.badEvent("\(event.location): the event has no 'type'"), of: nil)
          continue
        }
        schedule(.event(Self.envelope(given, id: "mock-\(place + 1)", time: time), from: nil), at: time)
      } catch {
        record(.badEvent(error.description), of: nil)
      }
    }
    if let cancellation = mocks.cancellation {
      schedule(.cancel(cancellation), at: start + cancellation.after)
    }
  }

  /// A CloudEvent with the attributes that every event has.
  static func envelope(_ given: JSON, id: String, time: Timestamp) -> JSON {
    var event: JSONObject = [
      "specversion": "1.0", "id": .string(id), "source": "/mocks", "time": .string(time.rfc3339),
      "datacontenttype": "application/json",
    ]
    for (name, value) in given.object ?? [:] { event[name] = value }
    return .object(event)
  }

  mutating func arrive(_ shown: JSON, from origin: Int?) {
    let event = secrets.unsealed(shown)
    if origin != nil { emitted.append((event, shown)) }
    let place = records.count
    record(.event(shown, isTaken: false), of: origin)
    var isTaken = false
    for place in instances.indices where instances[place].isOpen {
      if step(place, { engine, state, now in engine.event(event, state: &state, now: now) }) { isTaken = true }
    }
    if isTaken { records[place] = records[place].taken }
    kept.append(KeptEvent(event: event, shown: shown, expiresAt: now + Self.retention, isTaken: isTaken))
  }

  /// Offers what came too early to an instance that has begun to listen.
  mutating func offerKept(to place: Int) {
    for index in kept.indices where !kept[index].isTaken && kept[index].expiresAt > now {
      let (event, shown) = (kept[index].event, kept[index].shown)
      guard step(place, { engine, state, now in engine.event(event, state: &state, now: now) }) else { continue }
      kept[index].isTaken = true
      if let arrival = records.firstIndex(where: { $0.fact == .event(shown, isTaken: false) }) {
        records[arrival] = records[arrival].taken
      }
    }
  }

  /// The events that nothing took.
  public var unusedEvents: [JSON] { kept.filter { !$0.isTaken }.map(\.shown) }
}

extension RunRecord {
  fileprivate var taken: RunRecord {
    guard case .event(let event, _) = fact else { return self }
    return RunRecord(time: time, instance: instance, fact: .event(event, isTaken: true))
  }
}
