import Postgres
import Synchronization
import TestSupport
import Testing

@Suite struct PoolTests {
  private func pool(size: Int) async throws -> PostgresPool {
    let server = try await PostgresServer.shared
    return PostgresPool(try server.configuration(), size: size, wait: .seconds(120))
  }

  @Test func neverMoreThanItsSize() async throws {
    let pool = try await pool(size: 3)
    let processes = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<60 {
        group.addTask {
          try await pool.withConnection { try await $0.query("SELECT pg_backend_pid()")[0].int(0) }
        }
      }
      return try await group.reduce(into: Set<Int>()) { $0.insert($1) }
    }
    #expect((1...3).contains(processes.count))
    #expect((1...3).contains(pool.count))
    await pool.close()
    #expect(pool.count == 0)
  }

  private final class Order: Sendable {
    private let entries = Mutex<[Int]>([])
    var numbers: [Int] { entries.withLock { $0 } }
    func append(_ number: Int) { entries.withLock { $0.append(number) } }
  }

  @Test func firstComeFirstServed() async throws {
    let pool = try await pool(size: 1)
    let order = Order()
    var tasks: [Task<Void, any Error>] = []
    try await pool.withConnection { _ in
      for number in 0..<5 {
        tasks.append(Task { try await pool.withConnection { _ in order.append(number) } })
        while pool.waiting <= number { await Task.yield() }
      }
    }
    for task in tasks { try await task.value }
    #expect(order.numbers == [0, 1, 2, 3, 4])
    await pool.close()
  }

  @Test func waitingHasADeadline() async throws {
    let pool = try await pool(size: 1)
    try await pool.withConnection { connection in
      let error = await #expect(throws: PostgresError.self) {
        try await pool.withConnection(wait: .milliseconds(50)) { _ in }
      }
      #expect(error?.code == .timeout)
      #expect(error?.isConnectionLost == false)
      let waiter = Task { try await pool.withConnection { _ in } }
      while pool.waiting == 0 { await Task.yield() }
      waiter.cancel()
      let cancelled = await #expect(throws: PostgresError.self) { try await waiter.value }
      #expect(cancelled?.code == .cancelled)
      _ = try await connection.query("SELECT 1")
    }
    #expect(pool.waiting == 0)
    #expect(try await pool.withConnection { try await $0.query("SELECT 1").count } == 1)
    await pool.close()
  }

  @Test func deadConnectionsAreReplaced() async throws {
    let pool = try await pool(size: 1)
    await #expect(throws: PostgresError.self) {
      try await pool.withConnection { try await $0.query("SELECT pg_terminate_backend(pg_backend_pid())") }
    }
    #expect(try await pool.withConnection { try await $0.query("SELECT 1").count } == 1)
    let process = try await pool.withConnection { try await $0.query("SELECT pg_backend_pid()")[0].int(0) }
    // Dies while it is idle in the pool.
    let other = try await PostgresServer.shared.connect()
    _ = try await other.query("SELECT pg_terminate_backend($1, 5000)", [.int4(Int32(process))])
    #expect(try await pool.withConnection { try await $0.query("SELECT pg_backend_pid()")[0].int(0) } != process)
    #expect(pool.count == 1)
    await other.close()
    await pool.close()
  }

  @Test func failingToConnectFreesThePlace() async throws {
    let server = try await PostgresServer.shared
    let proxy = try TCPProxy(to: server.port)
    proxy.refuse(true)
    let pool = PostgresPool(try server.configuration(through: proxy.port), size: 1, wait: .seconds(120))
    for _ in 0..<3 {
      await #expect(throws: PostgresError.self) { try await pool.withConnection { _ in } }
    }
    #expect(pool.count == 0)
    proxy.refuse(false)
    #expect(try await pool.withConnection { try await $0.query("SELECT 1").count } == 1)
    await pool.close()
    proxy.stop()
  }

  @Test func openTransactionIsRolledBackOnReturn() async throws {
    let pool = try await pool(size: 1)
    try await pool.withConnection { _ = try await $0.query("BEGIN") }
    let inTransaction = try await pool.withConnection { await $0.isInTransaction }
    #expect(inTransaction == false)
    await pool.close()
  }

  @Test func closedPoolRefuses() async throws {
    let pool = try await pool(size: 1)
    try await pool.withConnection { _ in
      let waiter = Task { try await pool.withConnection { _ in } }
      while pool.waiting == 0 { await Task.yield() }
      await pool.close()
      let error = await #expect(throws: PostgresError.self) { try await waiter.value }
      #expect(error?.code == .closed)
    }
    #expect(pool.count == 0)
    let error = await #expect(throws: PostgresError.self) { try await pool.withConnection { _ in } }
    #expect(error?.code == .closed)
  }
}
