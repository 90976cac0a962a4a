import Postgres
import Values
import Wire

/// A handler whose effect is in Postgres.
public protocol PostgresHandler: BatchHandler {
  /// Acts on a batch within a transaction that is already open.
  ///
  /// - Returns: one outcome for each work, in order, and what is left to be written with the inbox.
  /// - Throws: what Postgres said. Nothing of it remains then, and if it was about the data, each work comes alone.
  func apply(
    _ works: [BatchWork<Work>], in transaction: BatchTransaction
  ) async throws(PostgresError) -> AppliedBatch
}

public struct BatchWork<Work: Sendable>: Sendable {
  public let idempotencyKey: String
  public let work: Work
}

public struct AppliedBatch: Sendable {
  public let outcomes: [Outcome]
  public let statements: [PostgresStatement]

  public init(outcomes: [Outcome], statements: [PostgresStatement] = []) {
    self.outcomes = outcomes
    self.statements = statements
  }
}

/// The transaction of one batch, for the statements that need an answer.
public struct BatchTransaction: Sendable {
  fileprivate let connection: PostgresConnection
  fileprivate let timeout: Duration

  /// One round trip.
  public func run(_ statements: [PostgresStatement]) async throws(PostgresError) -> [PostgresRows] {
    try await connection.pipeline(statements, timeout: timeout)
  }
}

/// Inbox, effects and replies of a batch in one transaction.
///
/// The inbox is asked first, so that what is known has no effect. Should another member settle one of the events in the
/// meantime (it lost the partition and does not know yet), the inbox's primary key fails this whole transaction: effects
/// are committed only together with all the inbox rows that stand for them.
public final class PostgresBatchStore<Handler: PostgresHandler>: BatchStore {
  public typealias Work = Handler.Work

  private let handler: Handler
  private let processor: String
  private let store: StoreConnection
  private let timeout: Duration

  /// - Parameters:
  ///   - processor: the name under which the inbox keeps what was settled.
  ///   - timeout: for one round trip.
  public init(
    handler: Handler, processor: String, configuration: PostgresConfiguration, timeout: Duration = .seconds(10)
  ) {
    self.handler = handler
    self.processor = processor
    self.timeout = timeout
    store = StoreConnection(configuration)
  }

  public func close() async { await store.close() }

  public func settle(_ items: [BatchItem<Work>]) async throws(ProcessorError) -> [Settlement] {
    do throws(PostgresError) {
      let connection = try await store.get()
      let transaction = BatchTransaction(connection: connection, timeout: timeout)
      do throws(PostgresError) {
        return try await settle(items, in: transaction)
      } catch {
        if !error.isConnectionLost, await connection.isInTransaction {
          _ = try await connection.query("rollback", timeout: timeout)
        }
        throw error
      }
    } catch {
      throw ProcessorError(postgres: error)
    }
  }

  private func settle(
    _ items: [BatchItem<Work>], in transaction: BatchTransaction
  ) async throws(PostgresError) -> [Settlement] {
    let (known, fresh) = try await begin(items, transaction)
    guard !fresh.isEmpty else {
      _ = try await transaction.run([PostgresStatement("rollback")])
      return known.compactMap { $0 }
    }
    let works = items.works(fresh)
    var applied = AppliedBatch(outcomes: [])
    do throws(PostgresError) {
      if !works.isEmpty { applied = try await handler.apply(works, in: transaction) }
      return try await commit(items, known, fresh, applied, transaction)
    } catch  where error.isAboutTheStatement && ProcessorError(postgres: error).code != .conflict {
      // Something in the batch is not to Postgres' liking. Whatever it is, the others are not to suffer from it.
      _ = try await transaction.run([PostgresStatement("rollback")])
    }
    let (knownNow, freshNow) = try await begin(items, transaction)
    applied = try await applyOneByOne(items.works(freshNow), transaction)
    return try await commit(items, knownNow, freshNow, applied, transaction)
  }

  /// Opens the transaction and asks the inbox.
  private func begin(
    _ items: [BatchItem<Work>], _ transaction: BatchTransaction
  ) async throws(PostgresError) -> (known: [Settlement?], fresh: [Int]) {
    let rows = try await transaction.run([
      PostgresStatement("begin"), InboxRows.find(items.map(\.idempotencyKey), processor: processor),
    ])
    let found = try InboxRows.decode(rows[1])
    let known = items.map { item in found[item.idempotencyKey].map { Settlement($0, wasKnown: true) } }
    return (known, known.indices.filter { known[$0] == nil })
  }

  private func commit(
    _ items: [BatchItem<Work>], _ known: [Settlement?], _ fresh: [Int], _ applied: AppliedBatch,
    _ transaction: BatchTransaction
  ) async throws(PostgresError) -> [Settlement] {
    var settlements = known
    var outcomes = applied.outcomes.makeIterator()
    var rows: [(key: String, outcome: Outcome)] = []
    rows.reserveCapacity(fresh.count)
    for index in fresh {
      let outcome: Outcome? =
        switch items[index].work {
        case .work: outcomes.next()
        case .refused(let failure): .failed(failure)
        }
      guard let outcome else {
        throw PostgresError(code: .decoding, message: "the handler gave too few outcomes")
      }
      settlements[index] = Settlement(outcome, wasKnown: false)
      if outcome.isFinal { rows.append((items[index].idempotencyKey, outcome)) }
    }
    var statements = applied.statements
    if !rows.isEmpty { statements.append(InboxRows.insert(rows, processor: processor)) }
    statements.append(PostgresStatement("commit"))
    _ = try await transaction.run(statements)
    return settlements.compactMap { $0 }
  }

  /// Each work behind a savepoint of its own, so that only those that Postgres refuses fail.
  private func applyOneByOne(
    _ works: [BatchWork<Work>], _ transaction: BatchTransaction
  ) async throws(PostgresError) -> AppliedBatch {
    var outcomes: [Outcome] = []
    for work in works {
      _ = try await transaction.run([PostgresStatement("savepoint work")])
      do throws(PostgresError) {
        let applied = try await handler.apply([work], in: transaction)
        _ = try await transaction.run(applied.statements + [PostgresStatement("release savepoint work")])
        outcomes += applied.outcomes
      } catch  where error.isAboutTheStatement {
        _ = try await transaction.run([
          PostgresStatement("rollback to savepoint work"), PostgresStatement("release savepoint work"),
        ])
        outcomes.append(.failed(error.isAboutTheSchema ? .unavailable(503, "\(error)") : .invalid(422, "\(error)")))
      }
    }
    return AppliedBatch(outcomes: outcomes)
  }
}

extension Array {
  fileprivate func works<Work>(_ indices: [Int]) -> [BatchWork<Work>] where Element == BatchItem<Work> {
    indices.compactMap { index in
      guard case .work(let work) = self[index].work else { return nil }
      return BatchWork(idempotencyKey: self[index].idempotencyKey, work: work)
    }
  }
}
