import Postgres

/// Puts what many tasks want to write at the same moment into one transaction and one round trip.
actor GroupCommit {
  private struct Request {
    let statements: [PostgresStatement]
    let continuation: CheckedContinuation<Result<[PostgresRows], ProcessorError>, Never>
  }

  private static let maxRequests = 200

  private let store: StoreConnection
  private let timeout: Duration
  private var queue: [Request] = []
  private var isWriting = false

  init(_ store: StoreConnection, timeout: Duration) {
    self.store = store
    self.timeout = timeout
  }

  /// All of these statements, or none.
  func run(_ statements: [PostgresStatement]) async throws(ProcessorError) -> [PostgresRows] {
    let result = await withCheckedContinuation { continuation in
      queue.append(Request(statements: statements, continuation: continuation))
      if !isWriting {
        isWriting = true
        Task { await write() }
      }
    }
    return try result.get()
  }

  private func write() async {
    while !queue.isEmpty {
      let requests = Array(queue.prefix(Self.maxRequests))
      queue.removeFirst(requests.count)
      if await !write(requests, isLast: requests.count == 1) {
        // One of them is not to the server's liking; the others shall not suffer from it.
        for request in requests { _ = await write([request], isLast: true) }
      }
    }
    isWriting = false
  }

  /// - Returns: false when nothing was written and nobody was told.
  private func write(_ requests: [Request], isLast: Bool) async -> Bool {
    do throws(PostgresError) {
      let connection = try await store.get()
      // Without a BEGIN of its own the whole list is one transaction.
      let rows = try await connection.pipeline(requests.flatMap(\.statements), timeout: timeout)
      var start = 0
      for request in requests {
        let end = start + request.statements.count
        request.continuation.resume(returning: .success(Array(rows[start..<end])))
        start = end
      }
      return true
    } catch {
      if !isLast && error.isAboutTheStatement { return false }
      let failure = ProcessorError(postgres: error)
      for request in requests { request.continuation.resume(returning: .failure(failure)) }
      return true
    }
  }
}
