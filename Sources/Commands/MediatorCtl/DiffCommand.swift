import ArgumentParser
import Toolchain
import Values
import Workflow

struct DiffCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff", abstract: "Tells what a new version of a definition changes, task by task.",
    discussion: """
      Compares what the files mean: comments, the form of the text and the order of members are no difference. Needs no \
      Kafka and no Postgres. Exit status 0 when there is no difference, 1 when there is one, 3 when a file is not valid.

      Examples:
        mediatorctl diff equipment-status-1.0.0.yaml workflows/equipment-status.yaml
        git show HEAD:workflows/equipment-status.yaml | mediatorctl diff - workflows/equipment-status.yaml
      """)

  @Argument(help: ArgumentHelp("The old version; - for standard input.", valueName: "old"))
  var old: String
  @Argument(help: ArgumentHelp("The new version; - for standard input.", valueName: "new"))
  var new: String
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if old == "-", new == "-" { throw ValidationError("standard input can be one of the two files only") }
  }

  func run() async throws {
    let files = [try DefinitionFiles.check(old), try DefinitionFiles.check(new)]
    guard let before = files[0].definition, let after = files[1].definition else {
      let report = ValidationReport(files: files)
      try output.print(json: report.json, text: report.text)
      throw CommandFailure("nothing was compared", why: "not every file is valid", status: .invalid)
    }
    let report = DiffReport(before, after)
    try output.print(json: report.json, text: report.text)
    // As diff(1) does.
    if !report.diff.isEmpty { throw ExitCode(1) }
  }
}
