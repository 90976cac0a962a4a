import Engine
import Postgres
import Values
import Workflow

/// A deployed version with what has become of its instances.
public struct WorkflowVersion: Sendable {
  public let definition: DefinitionStore.Row
  /// The version that events start: of each workflow the highest that is not retired.
  public let isLatest: Bool
  /// Nil unless neither events nor schedules start it.
  public let retirement: Retirement?
  public let counts: InstanceCounts
}

/// Who retired a version, when and why.
public struct Retirement: Sendable, Hashable {
  public let at: Timestamp
  public let author: String
  public let reason: String
}

/// Instances by status.
public struct InstanceCounts: Sendable, Hashable {
  public var byStatus: [InstanceStatus: Int] = [:]
  /// False when there are so many that only some were counted.
  public var openIsComplete = true
  /// False when there are so many that only the newest were counted.
  public var endedIsComplete = true

  public init() {}

  public var isComplete: Bool { openIsComplete && endedIsComplete }

  public var open: Int { sum { !$0.isTerminal } }
  public var ended: Int { sum(\.isTerminal) }

  private func sum(_ included: (InstanceStatus) -> Bool) -> Int {
    byStatus.reduce(0) { $0 + (included($1.key) ? $1.value : 0) }
  }

  mutating func add(_ count: Int, _ status: String) {
    guard let status = InstanceStatus(rawValue: status) else { return }
    byStatus[status, default: 0] += count
  }
}

/// What people ask about deployed definitions.
public struct WorkflowQueries: Sendable {
  private let pool: PostgresPool
  private let timeout: Duration

  /// Instances counted at most, of the open and of the ended ones each: counting all of a large table takes minutes.
  public static let countLimit = 100_000

  public init(pool: PostgresPool, timeout: Duration = .seconds(10)) {
    self.pool = pool
    self.timeout = timeout
  }

  private static let columns = """
    d.number, d.namespace, d.name, d.version, d.digest, d.source, d.file, d.deployed_at,
           r.at as retired_at, r.author as retired_by, r.reason as retired_because
    """
  /// Definitions as `d`, each with its retirement as `r` when it has one that holds.
  static let tables = """
    definitions d
      left join lateral (select * from retirements r where r.definition = d.number order by r.number desc limit 1) r
        on r.retired
    """

  /// Every version, by name and then from the highest.
  public func list(limit: Int) async throws(MediatorError) -> Page<WorkflowVersion> {
    let results = try await pool.snapshot(
      timeout: timeout,
      [
        PostgresStatement(
          "select \(Self.columns) from \(Self.tables) order by d.namespace, d.name, d.number desc limit $1",
          [.int8(Int64(limit) + 1)])
      ] + Self.countQueries)
    let counts = try Self.counts(open: results[1], ended: results[2])
    return Page(Self.versions(try Self.definitions(results[0]), counts), limit: limit)
  }

  /// The versions of the workflows with this name, in whatever namespace when none is given.
  public func versions(namespace: String?, name: String) async throws(MediatorError) -> [WorkflowVersion] {
    let namespaceValue = namespace.map { PostgresValue.text($0) } ?? .null
    let results = try await pool.snapshot(
      timeout: timeout,
      [
        PostgresStatement(
          """
          select \(Self.columns) from \(Self.tables)
           where d.name = $1 and ($2::text is null or d.namespace = $2) order by d.namespace, d.number desc
          """, [.text(name), namespaceValue])
      ] + Self.countQueries)
    return Self.versions(
      try Self.definitions(results[0]), try Self.counts(open: results[1], ended: results[2]))
  }

  /// A version that is deployed: its content, and whether something still starts it.
  public struct Deployed: Sendable, Hashable {
    public let digest: String
    public let isRetired: Bool

    public init(digest: String, isRetired: Bool = false) {
      self.digest = digest
      self.isRetired = isRetired
    }
  }

  /// What is deployed, by `namespace/name version`.
  public func deployed() async throws(MediatorError) -> [String: Deployed] {
    let rows = try await pool.snapshot(
      timeout: timeout,
      PostgresStatement(
        "select d.namespace, d.name, d.version, d.digest, r.retired is not null as retired from \(Self.tables)"))
    return try store { () throws(PostgresError) in
      var deployed: [String: Deployed] = [:]
      for row in rows {
        let name = "\(try row.text("namespace"))/\(try row.text("name")) \(try row.text("version"))"
        deployed[name] = Deployed(digest: try row.text("digest"), isRetired: try row.bool("retired"))
      }
      return deployed
    }
  }

  // MARK: Reading

  private typealias Stored = (definition: DefinitionStore.Row, retirement: Retirement?)

  private static func definitions(_ rows: PostgresRows) throws(MediatorError) -> [Stored] {
    try store { () throws(PostgresError) in
      var definitions: [Stored] = []
      for row in rows { definitions.append((try DefinitionStore.row(row), try retirement(row))) }
      return definitions
    }
  }

  private static func retirement(_ row: PostgresRow) throws(PostgresError) -> Retirement? {
    guard let at = try row.optionalTime("retired_at") else { return nil }
    return Retirement(at: at, author: try row.text("retired_by"), reason: try row.text("retired_because"))
  }

  /// Versions have an order of their own, which SQL does not know.
  private static func versions(_ stored: [Stored], _ counts: [Int32: InstanceCounts]) -> [WorkflowVersion] {
    let sorted = stored.sorted { left, right in
      let (left, right) = (left.definition, right.definition)
      if (left.namespace, left.name) != (right.namespace, right.name) {
        return (left.namespace, left.name) < (right.namespace, right.name)
      }
      guard let first = SemanticVersion(left.version), let second = SemanticVersion(right.version) else {
        return left.number > right.number
      }
      return first > second
    }
    var seen: Set<String> = []
    return sorted.map { definition, retirement in
      WorkflowVersion(
        definition: definition,
        isLatest: retirement == nil && seen.insert("\(definition.namespace)/\(definition.name)").inserted,
        retirement: retirement, counts: counts[definition.number] ?? InstanceCounts())
    }
  }

  // MARK: Counting

  private static let countQueries = [
    PostgresStatement(
      """
      select definition, status, count(*) as instances
        from (select definition, status from instances where ended_at is null limit $1) as sample group by 1, 2
      """, [.int8(Int64(countLimit))]),
    PostgresStatement(
      """
      select definition, status, count(*) as instances
        from (select definition, status from instances
               where ended_at is not null order by started_at desc limit $1) as newest group by 1, 2
      """, [.int8(Int64(countLimit))]),
  ]

  private static func counts(
    open: PostgresRows, ended: PostgresRows
  ) throws(MediatorError) -> [Int32: InstanceCounts] {
    try store { () throws(PostgresError) in
      var counts: [Int32: InstanceCounts] = [:]
      var totals: [Int] = []
      for rows in [open, ended] {
        var total = 0
        for row in rows {
          let count = try row.int("instances")
          total += count
          counts[Int32(try row.int("definition")), default: InstanceCounts()].add(count, try row.text("status"))
        }
        totals.append(total)
      }
      return counts.mapValues { counts in
        var counts = counts
        counts.openIsComplete = totals[0] < countLimit
        counts.endedIsComplete = totals[1] < countLimit
        return counts
      }
    }
  }
}
