import ArgumentParser
import Kafka
import Mediator
import Values
import Wire

struct DeadLetterEdit: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "edit", abstract: "Changes what is sent when a dead letter is sent again.",
    discussion: """
      The original stays beside the edited version, byte for byte. A further edit begins with the edited version. A bare \
      JSON record keeps its identity, whatever its value: topic, partition and offset of the original.

      Examples:
        mediatorctl dlq show 3-17 --raw > letter.json
        mediatorctl dlq edit 3-17 --value letter.json --why "a comma was missing"
        mediatorctl dlq edit 3-17 --set-header ce_type=order.placed --remove-header x-old
      """)

  @Argument(help: ArgumentHelp("A dead letter: SHARD-SEQUENCE.", valueName: "id"))
  var id: DeadLetterID
  @Option(help: ArgumentHelp("The new value: a file, or - for standard input.", valueName: "file"))
  var value: String?
  @Option(help: ArgumentHelp("Sets a header; may be repeated.", valueName: "name=value"))
  var setHeader: [HeaderArgument] = []
  @Option(help: ArgumentHelp("Removes a header; may be repeated.", valueName: "name"))
  var removeHeader: [String] = []
  @Option(help: ArgumentHelp("Why, for the history.", valueName: "text"))
  var why = ""
  @OptionGroup var output: OutputOptions
  @OptionGroup var database: DatabaseOptions
  @OptionGroup var file: ConfigurationOptions

  private static let maxBytes = 64 << 20

  func validate() throws {
    guard value != nil || !setHeader.isEmpty || !removeHeader.isEmpty else {
      throw ValidationError("Nothing to change: give --value, --set-header or --remove-header.")
    }
  }

  func run() async throws {
    let bytes = try value.map { path throws(CommandFailure) in try readFile(path, limit: Self.maxBytes) }
    let report = try await database.withPool(file) { pool in
      let queries = DeadLetterQueries(pool: pool)
      let letter = try await queries.existing(id)
      let record = letter.edited ?? letter.original
      let headers = edited(record.headers)
      let store = DeadLetterStore(pool: pool, actor: currentActor())
      guard try await store.edit(id, value: bytes ?? record.value, headers: headers, detail: summary(bytes)) else {
        throw CommandFailure.noDeadLetter(id)
      }
      return DeadLetterReport(try await queries.existing(id), instances: [])
    }
    try output.print(json: report.json, text: report.text)
  }

  func edited(_ headers: [KafkaHeader]) -> [KafkaHeader] {
    var headers = headers.filter { header in
      !removeHeader.contains(header.name) && !setHeader.contains { $0.name == header.name }
    }
    for header in setHeader { headers.append(KafkaHeader(name: header.name, value: Array(header.value.utf8))) }
    return headers
  }

  private func summary(_ bytes: [UInt8]?) -> String {
    var parts: [String] = why.isEmpty ? [] : [why]
    if let bytes { parts.append("value of \(bytes.count) bytes") }
    if !setHeader.isEmpty { parts.append("set " + setHeader.map(\.name).joined(separator: ", ")) }
    if !removeHeader.isEmpty { parts.append("removed " + removeHeader.joined(separator: ", ")) }
    return parts.joined(separator: "; ")
  }
}

/// `NAME=VALUE`.
struct HeaderArgument: ExpressibleByArgument, Hashable, Sendable {
  let name: String
  let value: String

  init?(argument: String) {
    guard let equals = argument.firstIndex(of: "="), equals > argument.startIndex else { return nil }
    name = String(argument[..<equals])
    value = String(argument[argument.index(after: equals)...])
  }
}
