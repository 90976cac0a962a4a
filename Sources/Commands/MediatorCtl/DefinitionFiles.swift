import FoundationEssentials
import Workflow

/// Which files hold workflow definitions.
enum DefinitionFiles {
  static let suffixes = ["yaml", "yml", "json"]

  /// The definitions under the given files and folders, each once. A folder gives everything in it with a suffix of
  /// ``suffixes``, at any depth, in the order of the names, without what is hidden; golden tests (`*.test.yaml`) are no
  /// definitions, wherever they are named.
  static func find(_ paths: [String]) throws(CommandFailure) -> [String] {
    var files: [String] = []
    var seen: Set<String> = []
    for path in paths {
      guard let isFolder = isFolder(path) else {
        throw CommandFailure("there is no file or folder '\(path)'", status: .notFound)
      }
      let found = isFolder ? try contents(path, depth: 0).sorted() : [path]
      for file in found where !isTest(file) && seen.insert(file).inserted { files.append(file) }
    }
    guard !files.isEmpty else {
      throw CommandFailure(
        "there is no workflow definition in \(paths.map { "'\($0)'" }.joined(separator: ", "))",
        why: "a definition is a file *.yaml, *.yml or *.json; *.test.yaml holds a test", status: .notFound)
    }
    return files
  }

  /// Nil when there is nothing of this name.
  static func isFolder(_ path: String) -> Bool? {
    var isFolder = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) ? isFolder : nil
  }

  /// Folders that form a loop through symbolic links end somewhere.
  private static let maxDepth = 16

  static func contents(_ folder: String, depth: Int) throws(CommandFailure) -> [String] {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: folder)
    } catch {
      throw CommandFailure("the folder '\(folder)' cannot be read", why: "\(error)")
    }
    var files: [String] = []
    for name in names where !name.hasPrefix(".") {
      let path = folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
      if isFolder(path) == true {
        if depth < maxDepth { files += try contents(path, depth: depth + 1) }
      } else if suffixes.contains(where: { name.hasSuffix(".\($0)") }) {
        files.append(path)
      }
    }
    return files
  }

  static func isTest(_ file: String) -> Bool { suffixes.contains { file.hasSuffix(".test.\($0)") } }

  /// No definition needs more; what is larger is not read at all.
  static let maxBytes = 1 << 20

  static func check(_ file: String, channels: Set<String>? = nil) throws(CommandFailure) -> CheckedFile {
    let bytes = try readFile(file, limit: maxBytes + 1)
    guard bytes.count <= maxBytes else {
      return CheckedFile(file, refusedFor: "the file is larger than \(maxBytes) bytes")
    }
    return CheckedFile(file: file, source: bytes, channels: channels)
  }
}

/// A file and what was found in it.
struct CheckedFile: Sendable {
  let file: String
  /// Nil when there is an error among the diagnostics.
  private(set) var definition: WorkflowDefinition?
  private(set) var diagnostics: [Diagnostic]

  init(file: String, source: [UInt8], channels: Set<String>? = nil) {
    let result = WorkflowParser.parse(source, file: file, channels: channels)
    self.file = file
    definition = result.definition
    diagnostics = result.diagnostics
  }

  init(_ file: String, refusedFor reason: String) {
    self.file = file
    diagnostics = [Self.refusal(file, .yaml, reason)]
  }

  var isValid: Bool { definition != nil && errorCount == 0 }
  var errorCount: Int { diagnostics.count { $0.severity == .error } }
  var warningCount: Int { diagnostics.count { $0.severity == .warning } }

  private static func refusal(_ file: String, _ code: Diagnostic.Code, _ reason: String) -> Diagnostic {
    Diagnostic(
      severity: .error, code: code, location: SourceLocation(file: file, line: 1, column: 1), message: reason,
      hint: nil, offendingLine: "")
  }

  /// Two files that claim to be the same version cannot both be deployed.
  static func refuseRepetitions(_ files: [CheckedFile]) -> [CheckedFile] {
    var first: [String: CheckedFile] = [:]
    return files.map { checked in
      guard let definition = checked.definition else { return checked }
      let title = definition.title
      guard let other = first[title] else {
        first[title] = checked
        return checked
      }
      guard other.definition?.digest != definition.digest else { return checked }
      var refused = checked
      refused.definition = nil
      refused.diagnostics.append(
        refusal(checked.file, .conflict, "\(title) is also defined by \(other.file), with other content"))
      return refused
    }
  }
}

extension WorkflowDefinition {
  /// `namespace/name`
  var workflow: String { "\(document.namespace)/\(document.name)" }

  /// `namespace/name version`
  var title: String { "\(workflow) \(document.version)" }
}
