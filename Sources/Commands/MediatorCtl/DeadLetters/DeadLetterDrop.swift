import ArgumentParser
import Mediator
import Values
import Wire

struct DeadLetterDrop: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drop", abstract: "Says that nothing is to be done about dead letters.",
    discussion: """
      They get the status 'dropped', with who, when and why, and stay where they are. Named by id, or all that the \
      filters let through and that are open or parked.

      Examples:
        mediatorctl dlq drop 3-17 --why "a test of the night shift"
        mediatorctl dlq drop --reason unknownType --since 1d --why "sent to the wrong topic" --yes
      """)

  @OptionGroup var selection: DeadLetterSelection
  @Option(help: ArgumentHelp("Why, for the history.", valueName: "text"))
  var why: String
  @OptionGroup var output: OutputOptions
  @OptionGroup var database: DatabaseOptions
  @OptionGroup var file: ConfigurationOptions

  func validate() throws {
    try selection.check()
    guard !why.isEmpty else { throw ValidationError("--why must not be empty.") }
  }

  func run() async throws {
    let (chosen, dropped) = try await database.withPool(file) { pool in
      let chosen = try await selection.choose(DeadLetterQueries(pool: pool), otherwise: [.open, .parked])
      if selection.dryRun { return (chosen, [DeadLetterID]()) }
      try selection.confirm(chosen.count, "drop")
      let store = DeadLetterStore(pool: pool, actor: currentActor())
      return (chosen, try await store.drop(chosen.map(\.id), why: why))
    }
    let told = selection.dryRun ? chosen.filter { $0.status != .dropped }.map(\.id) : dropped
    try output.print(
      json: ["dryRun": .bool(selection.dryRun), "dropped": .array(told.map { .string("\($0)") })]
    ) { _ in
      let what = selection.dryRun ? "would be dropped" : "dropped"
      return told.isEmpty ? "nothing to drop" : told.map { "\($0)  \(what)" }.joined(separator: "\n")
    }
  }
}
