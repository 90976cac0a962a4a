import Hosting
import Kafka
import Logging
import Postgres

/// What must hold before a mediator touches anything.
struct StartChecks: Sendable {
  let database: PostgresConfiguration
  let allowsUnsafePostgres: Bool
  let allowsRecreatedTopics: Bool
  let logger: Logger
  /// The start is tried until Postgres and Kafka are there; what is only doubtful is said once.
  private let warnings = Once()

  init(_ options: MediatorOptions, logger: Logger) {
    database = options.database
    allowsUnsafePostgres = options.allowsUnsafePostgres
    allowsRecreatedTopics = options.allowsRecreatedTopics
    self.logger = logger
  }

  /// - Throws: `configuration` when Postgres may lose what it has confirmed, unless that is allowed.
  func checkDurability() async throws(MediatorError) {
    let durability: Durability
    do throws(PostgresError) {
      let connection = try await PostgresConnection.connect(database)
      let result = await Self.durability(connection)
      await connection.close()
      durability = try result.get()
    } catch {
      throw MediatorError(postgres: error)
    }
    if let danger = durability.dangers.first, !allowsUnsafePostgres {
      let others = durability.dangers.dropFirst().map { "; \($0.description)" }.joined()
      throw MediatorError(
        .configuration,
        "Postgres may lose what it has confirmed, so nothing is started: \(danger.description)\(others). Or start with "
          + "--allow-unsafe-postgres (mediator.allowUnsafePostgres) where losing and repeating work does not matter")
    }
    warnings.run {
      for weakness in durability.dangers + durability.doubts {
        logger.warning("Postgres is not safe", metadata: ["reason": "\(weakness.description)"])
      }
    }
  }

  /// - Throws: `configuration` when a topic was created anew under a position, or the broker lost what was read already,
  ///   unless that is allowed: then these partitions are halted, and the others are read.
  func checkPositions(
    of layout: TopicLayout, stored: StoredPositions, _ finder: PositionFinder
  ) async throws(MediatorError) {
    guard !allowsRecreatedTopics else { return }
    let read = Set((0..<layout.shards).flatMap { layout.partitions(of: $0) })
    let findings = try await finder.findings(stored.positions.filter { read.contains($0.key) }).filter(\.isForeign)
    guard let first = findings.first else { return }
    let others = findings.count > 1 ? "; and \(findings.count - 1) more" : ""
    throw MediatorError(
      .configuration,
      "what Kafka has is not what was read from it, so nothing is started: \(first.reason)\(others). "
        + "Decide where to read on, for each of \(Self.list(findings)): 'mediatorctl partitions accept "
        + "\(first.partition.topic) \(first.partition.partition)'. Or start with --allow-recreated-topics "
        + "(mediator.allowRecreatedTopics): then these are halted until you decide, and the others are read")
  }

  private static func list(_ findings: [PositionFinder.Finding]) -> String {
    let names = findings.prefix(8).map { "\($0.partition)" }
    return names.joined(separator: ", ") + (findings.count > names.count ? ", …" : "")
  }

  private static func durability(_ connection: PostgresConnection) async -> Result<Durability, PostgresError> {
    do throws(PostgresError) {
      return .success(try await Durability.read(on: connection))
    } catch {
      return .failure(error)
    }
  }
}

extension MediatorError: ExitStatusError {
  public var exitStatus: Int32 { code == .configuration ? ExitStatus.configuration : ExitStatus.failure }
}
