import Engine
import Logging
import Synchronization
import Workflow

/// Keeps the catalog that the shards work with up to date with Postgres, without a restart.
public final class DefinitionRegistry: CatalogProvider {
  private let store: DefinitionStore
  private let options: EngineOptions
  private let logger: Logger
  private let known = Mutex(Known())
  /// Makes sure that the channels' topics exist before an instance can send to them.
  private let prepare: @Sendable (Set<String>) async throws(MediatorError) -> Void

  private struct Known {
    var catalog = DefinitionCatalog()
    var lastNumber: Int32 = 0
    /// Those that have a topic.
    var channels: Set<String> = []
    /// Those whose topic could not be created, and of which that was told.
    var unprepared: Set<String> = []
  }

  public init(
    store: DefinitionStore, options: EngineOptions, logger: Logger,
    prepare: @escaping @Sendable (Set<String>) async throws(MediatorError) -> Void
  ) {
    self.store = store
    self.options = options
    self.logger = logger
    self.prepare = prepare
  }

  public func current() async throws(MediatorError) -> DefinitionCatalog { known.withLock { $0.catalog } }

  public func refreshed() async throws(MediatorError) -> DefinitionCatalog {
    let (last, channels, catalog) = known.withLock { ($0.lastNumber, $0.channels, $0.catalog) }
    let changes = try await store.changes(after: last)
    let entries = changes.deployed.compactMap(compile)
    // Those whose topic could not be created are tried again.
    let wanted = entries.reduce(into: catalog.channels) { $0.formUnion($1.definition.channels) }
    let prepared = await prepared(wanted.subtracting(channels))
    guard let newest = changes.newest else {
      known.withLock { $0.channels.formUnion(prepared) }
      return catalog
    }
    return known.withLock { known in
      // Another refresh may have been faster; what both loaded is the same.
      if newest > known.lastNumber {
        known.lastNumber = newest
        let retired = known.catalog.retired(changes.retired)
        known.catalog = DefinitionCatalog(known.catalog.all + entries, newest: newest, retired: retired)
      }
      known.channels.formUnion(prepared)
      return known.catalog
    }
  }

  /// Creates the topics of channels. That it fails holds up nothing: where the broker is away, what is sent waits too,
  /// and where a topic cannot be, what is sent there fails by itself and names its task.
  ///
  /// - Returns: the channels that have a topic now.
  private func prepared(_ channels: Set<String>) async -> Set<String> {
    var done: Set<String> = []
    for channel in channels.sorted() {
      do throws(MediatorError) {
        try await prepare([channel])
        done.insert(channel)
      } catch {
        let isNews = known.withLock { $0.unprepared.insert(channel).inserted }
        if isNews {
          logger.error("channel without a topic", metadata: ["channel": "\(channel)", "reason": "\(error.message)"])
        }
        // Of a broker that is away, one answer is enough.
        break
      }
    }
    known.withLock { $0.unprepared.subtract(done) }
    return done
  }

  /// A stored definition was valid for the version that deployed it; if it is not for this one, say so and go on.
  private func compile(_ row: DefinitionStore.Row) -> DefinitionCatalog.Entry? {
    let result = WorkflowParser.parse(row.source, file: row.file)
    guard let definition = result.definition else {
      logger.error(
        "definition cannot be loaded",
        metadata: [
          "workflow": "\(row.namespace)/\(row.name)", "version": "\(row.version)",
          "reason": "\(result.diagnostics.first?.message ?? "unknown")",
        ])
      return nil
    }
    logger.info(
      "definition loaded",
      metadata: ["workflow": "\(row.namespace)/\(row.name)", "version": "\(row.version)", "number": "\(row.number)"])
    return DefinitionCatalog.Entry(number: row.number, engine: Engine(definition: definition, options: options))
  }
}
