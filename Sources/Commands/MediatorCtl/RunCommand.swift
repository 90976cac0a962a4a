import ArgumentParser
import Engine
import HTTP
import HTTPCalls
import Hosting
import Toolchain
import Values
import Workflow
import YAML

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Runs one definition in this process, with no Kafka and no Postgres.",
    discussion: """
      The engine is that of the mediator; its clock is a virtual one that jumps to what is due next, so a wait of two \
      days takes no time. What processors, servers and events do is told by a file of mocks (docs/testing-workflows.md). \
      A call that no mock answers ends the run as 'waiting'.

      --input is the raw input, as JSON or YAML. --event is for definitions that an event starts: a CloudEvent in its \
      JSON form, or its data alone. --live performs call: http for real, where no mock answers; on other channels it \
      performs nothing, and refuses to begin when a mock is missing there.

      Exit status: 0 completed; 1 faulted or cancelled; 3 a file is not valid; 7 still waiting with nothing left to do.

      Examples:
        mediatorctl run order.yaml --input order.json --mocks order.mocks.yaml
        mediatorctl run workflows/equipment-status.yaml --event reading.json
        mediatorctl run fetch.yaml --live --output json
        mediatorctl run parent.yaml --with children/
      """)

  @Argument(help: ArgumentHelp("The definition; - for standard input.", valueName: "file"))
  var file: String
  @Option(help: ArgumentHelp("The raw input, JSON or YAML; - for standard input. (default: {})", valueName: "file"))
  var input: String?
  @Option(help: ArgumentHelp("The event that starts it, or its data; - for standard input.", valueName: "file"))
  var event: String?
  @Option(help: ArgumentHelp("What answers, and which events arrive.", valueName: "file"))
  var mocks: String?
  @Option(
    name: .customLong("with"), parsing: .singleValue,
    help: ArgumentHelp("Workflows that it may start; may be given several times.", valueName: "file|dir"))
  var others: [String] = []
  @Flag(help: "Performs call: http for real, where no mock answers.")
  var live = false
  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      "With --live: a host that may be called, such as api.example.com or *.example.com:443. (default: every host)",
      valueName: "host"))
  var allow: [String] = []
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if input != nil, event != nil { throw ValidationError("--input and --event exclude one another.") }
    if [file, input, event, mocks].count(where: { $0 == "-" }) > 1 {
      throw ValidationError("standard input can be one file only.")
    }
    if !allow.isEmpty, !live { throw ValidationError("--allow goes with --live.") }
    for host in allow where HostPattern(host) == nil { throw ValidationError("--allow \(host): no name of a host.") }
  }

  func run() async throws {
    var files = [try DefinitionFiles.check(file)]
    if !others.isEmpty {
      for path in try DefinitionFiles.find(others) { files.append(try DefinitionFiles.check(path)) }
    }
    let definitions = files.compactMap(\.definition)
    guard definitions.count == files.count, let definition = definitions.first else {
      let report = ValidationReport(files: files.filter { !$0.isValid })
      try output.print(json: report.json, text: report.text)
      throw CommandFailure("nothing was run", why: "not every definition is valid", status: .invalid)
    }
    let mocks = try readMocks(for: definitions)
    if live { try refuseOtherChannels(mocks, definitions) }
    let start = mocks.start ?? (live ? .now() : LocalRun.defaultStart)
    let run = LocalRun(
      definition, input: try rawInput(of: definition, at: start), mocks: mocks,
      catalog: LocalCatalog(Array(definitions.dropFirst())), start: start)
    let result = await (try runner(mocks)).run(run)
    try output.print(json: result.json, text: RunReport(result).text)
    switch result.status {
    case .completed: return
    case .faulted, .cancelled: throw ExitCode(ExitStatus.failure.rawValue)
    default: throw ExitCode(ExitStatus.timeout.rawValue)
    }
  }

  private func runner(_ mocks: Mocks) throws(HTTPError) -> LocalRunner {
    guard live else { return LocalRunner(mocks: mocks.http) }
    let allowed = allow.isEmpty ? LocalRunner.everywhere : allow.compactMap { HostPattern($0) }
    return LocalRunner(mocks: mocks.http, live: try HTTPClient(), allowed: allowed)
  }

  private func refuseOtherChannels(_ mocks: Mocks, _ definitions: [WorkflowDefinition]) throws(CommandFailure) {
    let missing = mocks.missingChannels(in: definitions)
    guard !missing.isEmpty else { return }
    throw CommandFailure(
      "--live performs call: http only, not the channel \(missing.map { "'\($0)'" }.joined(separator: ", "))",
      why: "what is behind other channels is known to their processors alone",
      next: "mock it: --mocks with 'calls: {\(missing[0]): {reply: …}}'", status: .invalid)
  }

  // MARK: Files

  private func readMocks(for definitions: [WorkflowDefinition]) throws(CommandFailure) -> Mocks {
    guard let path = mocks else { return Mocks() }
    let companion = try Companion(path)
    guard let root = companion.file.root else { throw companion.failure }
    let reader = MockReader(file: companion.file)
    let mocks = reader.read(root)
    reader.checkNames(of: mocks, in: definitions)
    try companion.finish()
    return mocks
  }

  private func rawInput(of definition: WorkflowDefinition, at start: Timestamp) throws(CommandFailure) -> JSON {
    if let input { return try Companion.value(input) }
    guard let event else {
      guard definition.schedule?.on == nil else {
        throw CommandFailure(
          "an event starts \(definition.title)", next: "give it, or its data: --event FILE", status: .invalid)
      }
      return [:]
    }
    let given = try Companion.value(event)
    do throws(StartProblem) {
      return try definition.input(startedBy: given, at: start)
    } catch {
      throw CommandFailure(error.description, next: error.hint, status: .invalid)
    }
  }
}

/// A file beside definitions, on its way from the disk to its reader.
struct Companion {
  let path: String
  let file: CompanionFile

  init(_ path: String) throws(CommandFailure) {
    self.path = path
    let bytes = try readFile(path, limit: DefinitionFiles.maxBytes + 1)
    file = CompanionFile(bytes, name: path == "-" ? "<standard input>" : path)
  }

  /// Tells what was found in it.
  func finish() throws(CommandFailure) {
    let style = Style.plain(now: .now())
    for diagnostic in file.diagnostics { writeToStandardError(DiagnosticText.render(diagnostic, style)) }
    if file.hasErrors { throw CommandFailure("'\(path)' is not valid", status: .invalid) }
  }

  var failure: CommandFailure {
    do throws(CommandFailure) {
      try finish()
      return CommandFailure("'\(path)' is not valid", status: .invalid)
    } catch {
      return error
    }
  }

  /// The largest event or input.
  private static let maxBytes = 16 << 20

  /// JSON, or YAML where it is none.
  static func value(_ path: String) throws(CommandFailure) -> JSON {
    let bytes = try readFile(path, limit: maxBytes + 1)
    if let value = try? JSON.parse(bytes) { return value }
    let file = CompanionFile(bytes, name: path == "-" ? "<standard input>" : path)
    if let root = file.root, !file.hasErrors { return root.json }
    let style = Style.plain(now: .now())
    let told = file.diagnostics.map { DiagnosticText.render($0, style) }.joined(separator: "\n")
    throw CommandFailure("'\(path)' is neither JSON nor YAML", why: told, status: .invalid)
  }
}
