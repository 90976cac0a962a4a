import Engine
import Postgres
import Values
import Workflow

/// A deployed version with what has become of its instances.
public struct WorkflowVersion: Sendable {
  public let definition: DefinitionStore.Row
  /// The version that events start: of each workflow the highest.
  public let isLatest: Bool
  public let counts: InstanceCounts
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

  private static let columns = "number, namespace, name, version, digest, source, file, deployed_at"

  /// Every version, by name and then from the highest.
  public func list(limit: Int) async throws(MediatorError) -> Page<WorkflowVersion> {
    let results = try await pool.snapshot(
      timeout: timeout,
      [
        PostgresStatement(
          "select \(Self.columns) from definitions order by namespace, name, number desc limit $1",
          [.int8(Int64(limit) + 1)])
      ] + Self.countQueries)
    let definitions = try Self.definitions(results[0])
    let counts = try Self.counts(open: results[1], ended: results[2])
    return Page(Self.versions(definitions, counts), limit: limit)
  }

  /// The versions of the workflows with this name, in whatever namespace when none is given.
  public func versions(namespace: String?, name: String) async throws(MediatorError) -> [WorkflowVersion] {
    let namespaceValue = namespace.map { PostgresValue.text($0) } ?? .null
    let results = try await pool.snapshot(
      timeout: timeout,
      [
        PostgresStatement(
          """
          select \(Self.columns) from definitions
           where name = $1 and ($2::text is null or namespace = $2) order by namespace, number desc
          """, [.text(name), namespaceValue])
      ] + Self.countQueries)
    return Self.versions(
      try Self.definitions(results[0]), try Self.counts(open: results[1], ended: results[2]))
  }

  /// The digests under which versions are deployed, by `namespace/name version`.
  public func digests() async throws(MediatorError) -> [String: String] {
    let rows = try await pool.snapshot(
      timeout: timeout, PostgresStatement("select namespace, name, version, digest from definitions"))
    return try store { () throws(PostgresError) in
      var digests: [String: String] = [:]
      for row in rows {
        let name = "\(try row.text("namespace"))/\(try row.text("name")) \(try row.text("version"))"
        digests[name] = try row.text("digest")
      }
      return digests
    }
  }

  // MARK: Reading

  private static func definitions(_ rows: PostgresRows) throws(MediatorError) -> [DefinitionStore.Row] {
    try store { () throws(PostgresError) in
      var definitions: [DefinitionStore.Row] = []
      for row in rows {
        definitions.append(
          DefinitionStore.Row(
            number: Int32(try row.int("number")), namespace: try row.text("namespace"), name: try row.text("name"),
            version: try row.text("version"), digest: try row.text("digest"), source: try row.text("source"),
            file: try row.text("file"), deployedAt: try row.time("deployed_at")))
      }
      return definitions
    }
  }

  /// Versions have an order of their own, which SQL does not know.
  static func versions(
    _ definitions: [DefinitionStore.Row], _ counts: [Int32: InstanceCounts]
  ) -> [WorkflowVersion] {
    let sorted = definitions.sorted { left, right in
      if (left.namespace, left.name) != (right.namespace, right.name) {
        return (left.namespace, left.name) < (right.namespace, right.name)
      }
      guard let first = SemanticVersion(left.version), let second = SemanticVersion(right.version) else {
        return left.number > right.number
      }
      return first > second
    }
    var seen: Set<String> = []
    return sorted.map { definition in
      WorkflowVersion(
        definition: definition, isLatest: seen.insert("\(definition.namespace)/\(definition.name)").inserted,
        counts: counts[definition.number] ?? InstanceCounts())
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
