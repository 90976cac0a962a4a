import Hosting
import Logging
import Postgres

/// What must hold before a mediator touches anything.
struct StartChecks: Sendable {
  let database: PostgresConfiguration
  let allowsUnsafePostgres: Bool
  let logger: Logger
  /// The start is tried until Postgres and Kafka are there; what is only doubtful is said once.
  private let warnings = Once()

  init(database: PostgresConfiguration, allowsUnsafePostgres: Bool, logger: Logger) {
    self.database = database
    self.allowsUnsafePostgres = allowsUnsafePostgres
    self.logger = logger
  }

  /// - Throws: `configuration` when Postgres may lose what it has confirmed, unless that is allowed.
  func run() async throws(MediatorError) {
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
