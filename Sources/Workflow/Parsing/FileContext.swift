import Values
import YAML

/// What all builders of one file share: its text, what stands under `use`, and what was made of that.
final class FileContext {
  let file: SourceFile
  /// The names under `use.secrets`.
  let secrets: [String]
  /// Those that processors are known to serve, if anybody knows.
  let channels: Set<String>?
  /// For expressions that stand in no task: nothing around them has names.
  let reader: ExpressionReader
  private let use: YAMLNode?
  let hasExtensions: Bool
  /// Set once, before the workflow's own tasks are read.
  var extensions: [ExtensionRule] = []
  /// What was built, by function and by whether extensions apply inside.
  var functions: [String: BuiltFunction] = [:]
  /// The functions that are being built, outermost first.
  var openFunctions: [OpenFunction] = []

  init(file: SourceFile, root: YAMLNode, channels: Set<String>? = nil) {
    self.file = file
    self.channels = channels
    use = root["use"]
    hasExtensions = use?["extensions"]?.sequence?.isEmpty == false
    let secrets = (use?["secrets"]?.sequence ?? []).compactMap { $0.scalar?.string }
    self.secrets = secrets
    reader = ExpressionReader(file: file, secrets: Set(secrets))
  }

  /// The reusable things of a kind (`errors`, `retries`, …), in the order of the file.
  func components(_ kind: String) -> [YAMLEntry] { use?[kind]?.mapping ?? [] }

  /// What `use` has under a name; that it has nothing is told.
  ///
  /// - Parameters:
  ///   - kind: the key under `use`.
  ///   - noun: what one of the kind is called.
  func component(_ kind: String, _ noun: String, named name: String, at position: YAMLPosition) -> YAMLNode? {
    let entries = components(kind)
    if let entry = entries.first(where: { $0.key == name }) { return entry.value }
    file.error(
      .unresolved, position, "there is no \(noun) '\(name)' under use.\(kind)",
      hint: Suggestion.hint(for: name, among: entries.map(\.key)) ?? Self.known(entries.map(\.key), noun))
    return nil
  }

  static func known(_ names: [String], _ noun: String) -> String {
    names.isEmpty ? "this file defines no \(noun)" : "known here: " + names.joined(separator: ", ")
  }
}
