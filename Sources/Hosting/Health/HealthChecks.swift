import Synchronization
import Values

/// What must work for the service to do its work, asked by name.
public final class HealthChecks: Sendable {
  /// - Returns: nil if all is well, else the reason.
  public typealias Check = @Sendable () async -> String?

  private let checks = Mutex<[(name: String, check: Check)]>([])
  private let notes = Mutex<[(name: String, note: Check)]>([])
  private let limit: Duration

  /// - Parameter limit: a check that takes longer has failed.
  public init(limit: Duration = .seconds(2)) { self.limit = limit }

  /// Adds a check, or replaces the one of this name.
  public func register(_ name: String, _ check: @escaping Check) {
    checks.withLock { checks in
      checks.removeAll { $0.name == name }
      checks.append((name, check))
    }
  }

  /// Adds something that readiness tells without depending on it.
  ///
  /// - Parameter note: nil when there is nothing to tell.
  public func note(_ name: String, _ note: @escaping Check) {
    notes.withLock { notes in
      notes.removeAll { $0.name == name }
      notes.append((name, note))
    }
  }

  /// What there is to tell, in the order in which it was registered.
  public func told() async -> [(name: String, reason: String)] {
    var told: [(name: String, reason: String)] = []
    for (name, note) in notes.withLock({ $0 }) {
      if let reason = await Self.result(of: note, within: limit) { told.append((name, reason)) }
    }
    return told
  }

  /// The checks that fail, with their reasons, in the order they were registered. All are asked at once.
  public func failing() async -> [(name: String, reason: String)] {
    let checks = checks.withLock { $0 }
    let limit = limit
    return await withTaskGroup(of: (Int, String?).self) { group in
      for (index, check) in checks.enumerated() {
        group.addTask { (index, await Self.result(of: check.check, within: limit)) }
      }
      var reasons: [Int: String] = [:]
      for await (index, reason) in group { reasons[index] = reason }
      return checks.indices.compactMap { index in reasons[index].map { (checks[index].name, $0) } }
    }
  }

  /// A check that hangs is left behind rather than waited for.
  private static func result(of check: @escaping Check, within limit: Duration) async -> String? {
    let (results, continuation) = AsyncStream.makeStream(of: String?.self)
    let asking = Task { continuation.yield(await check()) }
    let waiting = Task {
      // A deadline, not a wait: cancelled as soon as the check has answered.
      try await Task.sleep(for: limit)
      continuation.yield("no answer within \(roundedText(limit))")
    }
    defer {
      asking.cancel()
      waiting.cancel()
    }
    for await result in results { return result }
    return "cancelled"
  }
}
