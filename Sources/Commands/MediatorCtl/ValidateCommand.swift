import ArgumentParser
import Values
import Workflow

struct ValidateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate", abstract: "Checks workflow definitions, with no Kafka and no Postgres.",
    discussion: """
      Tells every mistake with its place, the line, and a hint. A folder stands for every *.yaml, *.yml and *.json in \
      it; golden tests (*.test.yaml) are skipped. Exit status 3 when there is an error; warnings do not count.

      With a configuration file, a call of a channel that no processor there serves is a warning; those of your own \
      processors are listed under mediator.channels.

      Examples:
        mediatorctl validate workflows
        mediatorctl validate workflows/equipment-status.yaml --output json
        mediatorctl validate workflows --config mediator.yaml
      """)

  @Argument(help: ArgumentHelp("Files and folders.", valueName: "file|dir"))
  var paths: [String]
  @OptionGroup var configuration: ConfigurationOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let files = try ValidationReport.check(paths, channels: try configuration.knownChannels())
    let report = ValidationReport(files: files)
    try output.print(json: report.json, text: report.text)
    if !report.isValid { throw ExitCode(ExitStatus.invalid.rawValue) }
  }
}

/// What was found in some files.
struct ValidationReport {
  let files: [CheckedFile]

  static func check(_ paths: [String], channels: Set<String>? = nil) throws(CommandFailure) -> [CheckedFile] {
    var files: [CheckedFile] = []
    for file in try DefinitionFiles.find(paths) { files.append(try DefinitionFiles.check(file, channels: channels)) }
    return CheckedFile.refuseRepetitions(files)
  }

  var isValid: Bool { files.allSatisfy(\.isValid) }

  var json: JSON {
    [
      "valid": .bool(isValid), "errors": .integer(errors), "warnings": .integer(warnings),
      "files": .array(files.map(json)),
    ]
  }

  private var errors: Int { files.reduce(0) { $0 + $1.errorCount } }
  private var warnings: Int { files.reduce(0) { $0 + $1.warningCount } }

  private func json(_ checked: CheckedFile) -> JSON {
    let document = checked.definition?.document
    return [
      "file": .string(checked.file), "valid": .bool(checked.isValid), "namespace": .text(document?.namespace),
      "name": .text(document?.name), "version": .text(document?.version.description),
      "digest": .text(checked.definition?.digest), "diagnostics": .array(checked.diagnostics.map(DiagnosticText.json)),
    ]
  }

  func text(_ style: Style) -> String {
    var parts = files.flatMap { $0.diagnostics.map { DiagnosticText.render($0, style) } }
    let valid = files.filter(\.isValid).map { file in
      "\(style.painted("ok", .green))  \(file.file)  \(file.definition?.title ?? "")"
    }
    if !valid.isEmpty { parts.append(valid.joined(separator: "\n")) }
    parts.append(summary)
    return parts.joined(separator: "\n\n")
  }

  private var summary: String {
    let invalid = files.count { !$0.isValid }
    let found = [(errors, "error"), (warnings, "warning")].filter { $0.0 > 0 }.map { count($0.0, $0.1) }
    let verdict = invalid == 0 ? "valid" : "\(invalid) of them not valid"
    return "\(count(files.count, "file")): \(verdict)" + (found.isEmpty ? "" : " (\(found.joined(separator: ", ")))")
  }

  private func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
}
