/// What a server does to keep what it has confirmed, as it holds for the session that asks: the settings of its
/// database, its role and its connection string are part of it. PostgreSQL manual, "Write Ahead Log".
public struct Durability: Sendable, Hashable {
  /// One setting that is off.
  public struct Weakness: Sendable, Hashable, CustomStringConvertible {
    public let setting: String
    /// What may be lost, and how to turn the setting on.
    public let description: String
  }

  /// With these, a crash loses what was confirmed, or damages the database.
  public let dangers: [Weakness]
  /// With these, a crash can damage the database where its storage writes pages in parts.
  public let doubts: [Weakness]

  public init(dangers: [Weakness], doubts: [Weakness]) {
    self.dangers = dangers
    self.doubts = doubts
  }

  public static func read(on connection: PostgresConnection) async throws(PostgresError) -> Durability {
    let rows = try await connection.query(
      """
      select name, setting, source, quote_ident(current_database()) as database, quote_ident(current_user) as role
        from pg_settings where name in ('fsync', 'synchronous_commit', 'full_page_writes') and setting = 'off'
       order by name
      """)
    var dangers: [Weakness] = []
    var doubts: [Weakness] = []
    for row in rows {
      let name = try row.text("name")
      let remedy = remedy(
        name, source: try row.text("source"), database: try row.text("database"), role: try row.text("role"))
      let weakness = Weakness(setting: name, description: "\(name) is off: \(consequences[name] ?? ""); \(remedy)")
      if name == "full_page_writes" { doubts.append(weakness) } else { dangers.append(weakness) }
    }
    return Durability(dangers: dangers, doubts: doubts)
  }

  private static let consequences = [
    "fsync": "a crash of the machine can damage the whole database",
    "synchronous_commit": "a crash loses transactions that were confirmed",
    "full_page_writes": "a crash of the machine can damage pages that were half written",
  ]

  /// By where the setting comes from (`pg_settings.source`).
  private static func remedy(_ name: String, source: String, database: String, role: String) -> String {
    switch source {
    case "database": "turn it on with: alter database \(database) reset \(name)"
    case "user": "turn it on with: alter role \(role) reset \(name)"
    case "database user": "turn it on with: alter role \(role) in database \(database) reset \(name)"
    case "client", "session": "take it out of the connection string's options (or PGOPTIONS)"
    default: "turn it on with: alter system set \(name) = on; select pg_reload_conf()"
    }
  }
}
