import Engine
import Values

/// Which version an instance ran when a row of its journal was written: the one that its next migration led away from.
/// Published a second time, after a migration, a row has to give what it gave the first time.
struct FormerVersions {
  struct Migration {
    let sequence: Int64
    let instance: UUIDValue
    /// The version that the instance ran.
    let from: String
  }

  private let migrations: [UUIDValue: [Migration]]

  init(_ migrations: [Migration]) {
    self.migrations = Dictionary(grouping: migrations.sorted { $0.sequence < $1.sequence }, by: \.instance)
  }

  init(_ journal: [JournalRow]) {
    self.init(
      journal.flatMap { row in
        row.entries.compactMap { entry in
          guard case .migrated(let record, _) = entry else { return nil }
          return Migration(sequence: row.sequence, instance: row.instance, from: record.from)
        }
      })
  }

  /// - Returns: nil when it has not been migrated since.
  func version(of instance: UUIDValue, at sequence: Int64) -> String? {
    migrations[instance]?.first { $0.sequence > sequence }?.from
  }
}

extension UnpublishedRow {
  /// Whether the version that its instance ran has yet to be read, though the one that it runs now is known: it went
  /// back to an earlier one.
  func isFromUnknownVersion(_ catalog: DefinitionCatalog) -> Bool {
    guard case .journal(_, let address) = self, let version = address.formerVersion,
      let entry = catalog[address.definition]
    else { return false }
    return catalog.entry(entry.workflow, version: version) == nil
  }
}
