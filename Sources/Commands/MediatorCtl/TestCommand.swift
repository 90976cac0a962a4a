import ArgumentParser
import Hosting
import Toolchain
import Values
import Workflow

struct TestCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "test", abstract: "Runs the golden tests of definitions, with no Kafka and no Postgres.",
    discussion: """
      The tests of NAME.yaml are in NAME.test.yaml beside it: cases with an event or an input, mocks, and what has to \
      come of it (docs/testing-workflows.md). A folder stands for every test in it, at any depth; a definition for the \
      tests beside it. The last line tells how many passed and failed.

      Exit status: 0 all passed; 1 one failed; 3 a file is not valid; 4 there is no test.

      Examples:
        mediatorctl test workflows
        mediatorctl test workflows/equipment-status.yaml --filter operators
        mediatorctl test workflows --output junit > golden.xml
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text, json, junit
  }

  @Argument(help: ArgumentHelp("Folders, definitions and tests.", valueName: "dir|file"))
  var paths: [String]
  @Option(help: ArgumentHelp("Only cases with this text in their names.", valueName: "text"))
  var filter: String?
  @Option(help: ArgumentHelp("How to print the result: text, json or junit.", valueName: "format"))
  var output: Format = .text

  func run() async throws {
    let found = try TestFiles.find(paths)
    var suites: [TestSuite] = []
    for path in found.tests { suites.append(try TestSuite(path)) }
    var files: [GoldenReport.File] = []
    for suite in suites {
      let file = await suite.run { name in filter.map { name.contains($0) } ?? true }
      if filter == nil || !file.results.isEmpty { files.append(file) }
    }
    let report = GoldenReport(files: files)
    guard report.passed + report.failed > 0 else {
      throw CommandFailure("no case has '\(filter ?? "")' in its name", status: .notFound)
    }
    switch output {
    case .json: try writeOutput(report.json.pretty())
    case .junit: try writeOutput(report.junit)
    case .text: try writeOutput(GoldenText(report, untested: found.untested).text(.current()))
    }
    if report.failed > 0 { throw ExitCode(ExitStatus.failure.rawValue) }
  }
}

/// Which files hold golden tests.
enum TestFiles {
  /// - Returns: the tests, each once, and the definitions in folders that have none.
  static func find(_ paths: [String]) throws(CommandFailure) -> (tests: [String], untested: [String]) {
    var tests: [String] = []
    var untested: [String] = []
    for path in paths {
      guard let isFolder = DefinitionFiles.isFolder(path) else {
        throw CommandFailure("there is no file or folder '\(path)'", status: .notFound)
      }
      if isFolder {
        let files = try DefinitionFiles.contents(path, depth: 0).sorted()
        tests += files.filter(DefinitionFiles.isTest)
        for file in files where !DefinitionFiles.isTest(file) && test(of: file, among: Set(files)) == nil {
          // Events, inputs and mocks stand in such folders too.
          if try DefinitionFiles.check(file).isValid { untested.append(file) }
        }
      } else if DefinitionFiles.isTest(path) {
        tests.append(path)
      } else if let test = test(of: path, among: nil) {
        tests.append(test)
      } else {
        throw CommandFailure(
          "'\(path)' has no tests beside it", next: "they are expected in '\(stem(path)).test.yaml'", status: .notFound)
      }
    }
    guard !tests.isEmpty else {
      throw CommandFailure(
        "there is no test in \(paths.map { "'\($0)'" }.joined(separator: ", "))",
        why: "the tests of NAME.yaml are in NAME.test.yaml beside it", status: .notFound)
    }
    var seen: Set<String> = []
    return (tests.filter { seen.insert($0).inserted }, untested)
  }

  /// - Parameter files: what there is; nil: what is on the disk.
  private static func test(of definition: String, among files: Set<String>?) -> String? {
    DefinitionFiles.suffixes.map { "\(stem(definition)).test.\($0)" }
      .first { files?.contains($0) ?? (DefinitionFiles.isFolder($0) == false) }
  }

  /// The definition with the name of the test.
  static func definition(of test: String) -> String? {
    let stem = stem(stem(test))
    return DefinitionFiles.suffixes.map { "\(stem).\($0)" }.first { DefinitionFiles.isFolder($0) == false }
  }

  private static func stem(_ path: String) -> String {
    path.lastIndex(of: ".").map { String(path[..<$0]) } ?? path
  }

  /// A path that stands in a file, seen from where the program runs.
  static func resolve(_ path: String, from file: String) -> String {
    guard !path.hasPrefix("/"), let end = file.lastIndex(of: "/") else { return path }
    return file[...end] + path
  }
}

/// One file of golden tests, with the definitions that it needs.
struct TestSuite {
  private let path: String
  private let tests: GoldenTests
  private let definition: WorkflowDefinition
  private let catalog: LocalCatalog

  init(_ path: String) throws(CommandFailure) {
    let companion = try Companion(path)
    guard let tests = GoldenTestReader(file: companion.file).read(), !companion.file.hasErrors else {
      throw companion.failure
    }
    let named = tests.definition.map { TestFiles.resolve($0, from: path) }
    guard let file = named ?? TestFiles.definition(of: path) else {
      throw CommandFailure(
        "'\(path)' has no definition beside it", next: "name it in the file: 'definition: NAME.yaml'", status: .notFound
      )
    }
    var definitions = [try Self.definition(file)]
    if !tests.others.isEmpty {
      let paths = tests.others.map { TestFiles.resolve($0, from: path) }
      for other in try DefinitionFiles.find(paths) { definitions.append(try Self.definition(other)) }
    }
    let reader = MockReader(file: companion.file)
    for item in tests.cases { reader.checkNames(of: item.mocks, in: definitions) }
    try companion.finish()
    self.path = path
    self.tests = tests
    definition = definitions[0]
    catalog = LocalCatalog(Array(definitions.dropFirst()))
  }

  private static func definition(_ file: String) throws(CommandFailure) -> WorkflowDefinition {
    let checked = try DefinitionFiles.check(file)
    if let definition = checked.definition { return definition }
    let told = checked.diagnostics.map { DiagnosticText.render($0, .plain(now: .now())) }
    for diagnostic in told { writeToStandardError(diagnostic) }
    throw CommandFailure("'\(file)' cannot be tested", why: "it is not valid", status: .invalid)
  }

  func run(_ isWanted: (String) -> Bool) async -> GoldenReport.File {
    var results: [GoldenResult] = []
    for item in tests.cases where isWanted(item.name) { results.append(await item.run(definition, catalog)) }
    return GoldenReport.File(path: path, results: results)
  }
}

/// The results for people.
struct GoldenText {
  private let report: GoldenReport
  private let untested: [String]

  init(_ report: GoldenReport, untested: [String]) {
    self.report = report
    self.untested = untested
  }

  func text(_ style: Style) -> String {
    var parts = report.files.map { file in
      ([style.painted(file.path, .bold)] + file.results.flatMap { lines($0, style) }).joined(separator: "\n")
    }
    if !untested.isEmpty { parts.append(untested.map { "no tests: \($0)" }.joined(separator: "\n")) }
    parts.append(style.painted(report.summary, report.failed == 0 ? .green : .red))
    return parts.joined(separator: "\n\n")
  }

  private func lines(_ result: GoldenResult, _ style: Style) -> [String] {
    let name = TextWidth.plain(result.name)
    guard !result.hasPassed else { return ["  \(style.painted("ok", .green))      \(name)"] }
    var lines = ["  \(style.painted("FAILED", .red))  \(name)  \(style.painted("\(result.location)", .faint))"]
    for failure in result.failures {
      lines.append("            \(failure.subject)")
      lines += failure.lines.map { "              \(TextWidth.plain($0))" }
    }
    return lines
  }
}
