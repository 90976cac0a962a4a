import Postgres

/// Looks at epochs, positions, journal heads and publish marks ten times a second, and notes what went backwards.
actor Watch {
  private let databaseURL: String
  private var task: Task<Void, Never>?
  private var last: [String: Int] = [:]
  private var regressions: [String] = []
  private var samples = 0

  init(databaseURL: String) { self.databaseURL = databaseURL }

  func begin() { task = Task { await self.run() } }

  /// Forgets what was seen: the database was put back on purpose.
  func forget() { last = [:] }

  func end() async -> (samples: Int, regressions: [String]) {
    task?.cancel()
    await task?.value
    return (samples, regressions)
  }

  private static let sql = """
    select 'epoch ' || shard as what, epoch as value from shards
    union all select 'batch ' || shard, batch from shards
    union all select 'journal head ' || shard, journal_head from shards
    union all select 'publish mark ' || shard, publish_mark from shards
    union all
    select 'position ' || p.topic || '/' || p.partition || ' after decision '
             || coalesce((select max(d.number) from position_decisions d
                           where d.topic = p.topic and d.partition = p.partition), 0),
           p.position
      from positions p
    """

  private func run() async {
    var connection: PostgresConnection?
    while !Task.isCancelled {
      do {
        let open: PostgresConnection
        if let connection {
          open = connection
        } else {
          open = try await PostgresConnection.connect(PostgresConfiguration(databaseURL))
        }
        connection = open
        note(try await open.query(Self.sql, [], timeout: .seconds(5)))
      } catch {
        // Postgres may be what is struck; the next look needs a new connection.
        await connection?.close()
        connection = nil
      }
      // How often it looks, not what it waits for.
      try? await Task.sleep(for: .milliseconds(100))
    }
    await connection?.close()
  }

  private func note(_ rows: PostgresRows) {
    samples += 1
    for row in rows {
      guard let what = try? row.text("what"), let value = try? row.int("value") else { continue }
      if let before = last[what], value < before { regressions.append("\(what): \(before) → \(value)") }
      last[what] = value
    }
  }
}
