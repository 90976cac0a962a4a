import Synchronization

/// Set once; wakes whoever sleeps on it.
final class StopSignal: Sendable {
  private struct State {
    var isSet = false
    var nextID = 0
    var sleepers: [Int: Task<Void, Never>] = [:]
  }

  private let state = Mutex(State())

  var isSet: Bool { state.withLock { $0.isSet } }

  func set() {
    let sleepers = state.withLock { state in
      state.isSet = true
      defer { state.sleepers = [:] }
      return state.sleepers
    }
    for sleeper in sleepers.values { sleeper.cancel() }
  }

  /// Returns early when it is set, or when the task is cancelled.
  func sleep(_ duration: Duration) async {
    // Cancelled when the signal is set.
    let task = Task { _ = try? await Task.sleep(for: duration) }
    let id = state.withLock { state -> Int? in
      guard !state.isSet else { return nil }
      state.nextID += 1
      state.sleepers[state.nextID] = task
      return state.nextID
    }
    guard let id else { return task.cancel() }
    await withTaskCancellationHandler {
      await task.value
    } onCancel: {
      task.cancel()
    }
    state.withLock { $0.sleepers[id] = nil }
  }

  /// Runs `body`, and cancels it if it still runs this long after the signal.
  func run<Value: Sendable>(grace: Duration, _ body: @escaping @Sendable () async -> Value) async -> Value {
    let work = Task { await body() }
    let watch = Task {
      while !isSet, !Task.isCancelled { await sleep(.seconds(3600)) }
      // A deadline, not a wait: cancelled when the body has ended.
      try? await Task.sleep(for: grace)
      if !Task.isCancelled { work.cancel() }
    }
    defer { watch.cancel() }
    return await work.value
  }
}
