import Synchronization

/// Bounds the threads that deliver cancel requests. Each can hang as long as a silent network lets it; when all do, a
/// connection that times out is simply given up.
final class CancelThreads: Sendable {
  private static let limit = 8
  private let count = Atomic<Int>(0)

  func enter() -> Bool {
    if count.wrappingAdd(1, ordering: .relaxed).newValue <= Self.limit { return true }
    leave()
    return false
  }

  func leave() { count.wrappingSubtract(1, ordering: .relaxed) }
}
