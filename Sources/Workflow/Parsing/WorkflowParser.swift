import Values
import YAML

/// Reads a workflow definition and tells everything that is wrong with it at once.
public enum WorkflowParser {
  public struct Result: Sendable {
    /// `nil` when there is an error among the diagnostics.
    public let definition: WorkflowDefinition?
    /// In the order of the file.
    public let diagnostics: [Diagnostic]

    public var errors: [Diagnostic] { diagnostics.filter { $0.severity == .error } }
    public var warnings: [Diagnostic] { diagnostics.filter { $0.severity == .warning } }
  }

  /// - Parameters:
  ///   - text: YAML or JSON.
  ///   - file: the name for messages; nothing is read from there.
  ///   - channels: those that processors are known to serve; a call of another one is a warning. Nil: nobody knows.
  public static func parse(_ text: String, file: String, channels: Set<String>? = nil) -> Result {
    parse(Array(text.utf8), file: file, channels: channels)
  }

  public static func parse(_ bytes: [UInt8], file name: String, channels: Set<String>? = nil) -> Result {
    let file = SourceFile(name: name, text: String(decoding: bytes, as: UTF8.self))
    let definition = read(bytes, file, channels)
    let diagnostics = file.diagnostics.sorted {
      ($0.location.line, $0.location.column) < ($1.location.line, $1.location.column)
    }
    let hasErrors = diagnostics.contains { $0.severity == .error }
    return Result(definition: hasErrors ? nil : definition, diagnostics: diagnostics)
  }

  private static func read(_ bytes: [UInt8], _ file: SourceFile, _ channels: Set<String>?) -> WorkflowDefinition? {
    let root: YAMLNode
    do throws(YAMLError) {
      root = try YAML.parse(bytes)
    } catch {
      for problem in error.problems { file.error(.yaml, problem.position, problem.message, hint: problem.hint) }
      return nil
    }
    StructureCheck(file: file).check(root, .named("workflow"), "the workflow")
    return DefinitionBuilder(context: FileContext(file: file, root: root, channels: channels)).build(root, bytes: bytes)
  }
}
