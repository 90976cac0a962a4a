import ArgumentParser
import Mediator
import Toolchain
import Values
import Wire

/// The dead letters that a command changes: ids, or filters.
struct DeadLetterSelection: ParsableArguments {
  @Argument(help: ArgumentHelp("Dead letters: SHARD-SEQUENCE.", valueName: "id"))
  var ids: [DeadLetterID] = []
  @OptionGroup var filter: DeadLetterOptions
  @Option(help: "How many at most, 1 to 100000.")
  var limit = 10_000
  @Flag(help: "Only tells what would be done.")
  var dryRun = false
  @Flag(help: "Does not ask.")
  var yes = false

  func check() throws {
    guard (1...100_000).contains(limit) else { throw ValidationError("--limit must be from 1 to 100000.") }
    guard !ids.isEmpty || !filter.isEmpty else {
      throw ValidationError("Name dead letters, or say which by a filter: --status open means all that are open.")
    }
    guard ids.isEmpty || filter.isEmpty else { throw ValidationError("Ids and filters do not go together.") }
  }

  /// Oldest first: what came first is sent first.
  ///
  /// - Throws: `CommandFailure` with `notFound` when a letter that was named does not exist.
  func choose(
    _ queries: DeadLetterQueries, otherwise statuses: Set<DeadLetterStatus>
  ) async throws -> [DeadLetterEntry] {
    var filter = filter.filter(otherwise: ids.isEmpty ? statuses : [])
    filter.ids += ids
    let page = try await queries.list(filter, limit: max(limit, filter.ids.count))
    if page.hasMore { tellOfMore(than: limit, "dead letters") }
    let chosen = page.items
    let found = Set(chosen.map(\.id))
    if let missing = filter.ids.first(where: { !found.contains($0) }) { throw CommandFailure.noDeadLetter(missing) }
    return chosen.reversed()
  }

  /// Asks before more than one.
  func confirm(_ count: Int, _ verb: String) throws {
    guard count > 1 else { return }
    try askBefore("\(verb) \(count) dead letters?", unless: yes)
  }
}
