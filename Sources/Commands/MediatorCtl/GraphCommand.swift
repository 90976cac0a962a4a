import ArgumentParser
import Hosting
import Toolchain
import Values
import Workflow

struct GraphCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "graph", abstract: "Draws a workflow definition, with no Kafka and no Postgres.",
    discussion: """
      'ascii' is for a terminal, 'mermaid' for Markdown, 'dot' for Graphviz, and 'svg' a picture that needs no other \
      program, light or dark as its reader likes. Expressions are shortened. Exit status 3 when the file is not valid.

      Examples:
        mediatorctl graph workflows/equipment-status.yaml
        mediatorctl graph workflows/equipment-status.yaml --format svg > status.svg
        mediatorctl graph workflows/equipment-status.yaml --format dot | dot -Tpdf > status.pdf
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case ascii, mermaid, dot, svg
  }

  @Argument(help: ArgumentHelp("The definition; - for standard input.", valueName: "file"))
  var file: String
  @Option(help: ArgumentHelp("How to draw it: ascii, mermaid, dot or svg.", valueName: "format"))
  var format: Format = .ascii

  func run() async throws {
    let checked = try DefinitionFiles.check(file)
    guard let definition = checked.definition else {
      // What draws reads standard output.
      for diagnostic in checked.diagnostics {
        writeToStandardError(DiagnosticText.render(diagnostic, .plain(now: .now())))
      }
      throw CommandFailure("'\(file)' cannot be drawn", why: "it is not valid", status: .invalid)
    }
    switch format {
    case .ascii: try writeOutput(FlowText.render(definition, width: Style.current().width ?? 80))
    case .mermaid: try writeOutput(FlowGraph(definition).mermaid())
    case .dot: try writeOutput(FlowGraph(definition).dot())
    case .svg: try writeOutput(FlowGraph(definition).svg())
    }
  }
}
