import Values

/// Values that hold for a time. One that is missing is made once, however many ask for it meanwhile.
actor ExpiringCache<Value: Sendable> {
  struct Made: Sendable {
    let value: Value
    let lifetime: Duration
  }

  private let capacity: Int
  private let now: @Sendable () -> Timestamp
  private var entries: [String: (value: Value, expires: Timestamp)] = [:]
  private var making: [String: Task<Result<Made, HTTPCallError>, Never>] = [:]

  init(capacity: Int, now: @escaping @Sendable () -> Timestamp) {
    self.capacity = capacity
    self.now = now
  }

  /// - Parameter make: a failure is told to all who wait, and is not kept.
  func value(
    _ key: String, make: @escaping @Sendable () async throws(HTTPCallError) -> Made
  ) async throws(HTTPCallError) -> Value {
    if let entry = entries[key], entry.expires > now() { return entry.value }
    if let task = making[key] { return try await task.value.get().value }
    // Not a child of the caller's: the others who wait are not to go away empty when the caller is cancelled.
    let task = Task<Result<Made, HTTPCallError>, Never> {
      do throws(HTTPCallError) {
        return .success(try await make())
      } catch {
        return .failure(error)
      }
    }
    making[key] = task
    let result = await task.value
    making[key] = nil
    let made = try result.get()
    keep(made, key)
    return made.value
  }

  /// Forgets a value, unless there is another by now.
  func drop(_ key: String, where isOld: (Value) -> Bool) {
    if let entry = entries[key], isOld(entry.value) { entries[key] = nil }
  }

  private func keep(_ made: Made, _ key: String) {
    let time = now()
    guard made.lifetime > .zero else { return }
    if entries.count >= capacity {
      entries = entries.filter { $0.value.expires > time }
      if entries.count >= capacity, let first = entries.min(by: { $0.value.expires < $1.value.expires }) {
        entries[first.key] = nil
      }
    }
    entries[key] = (made.value, time + made.lifetime)
  }
}
