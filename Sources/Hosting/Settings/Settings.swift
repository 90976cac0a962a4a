import Glibc
import YAML

/// The configuration of a service: options of the command line over environment variables over a YAML or JSON file over
/// the defaults in the code that reads it.
///
/// Reading declares: a key that nobody has asked for by the time of `finish` is unknown. Getters never throw; they
/// note what is wrong and go on with the default, so that one start shows every mistake. Used once, at the start, by one
/// task.
public final class Settings {
  private let overrides: [String: String]
  private let environment: [String: String]
  private let file: SettingsFile?
  private var problems: [SettingsProblem] = []
  private var values: Set<String> = []
  private var sections: Set<String> = []
  private var tolerated: Set<String> = []
  /// Lists and maps of maps whose keys are to be checked; those of the file are reached from its root as well.
  private var structures: [(node: YAMLNode, path: String, source: String)] = []
  /// Texts that must not be logged, found so far.
  public private(set) var secrets: [String] = []

  /// - Parameters:
  ///   - overrides: from the command line, by path: `["health.port": "8080"]`.
  ///   - file: its name, for messages and relative paths, and its text.
  /// - Throws: `settings` if the text is no YAML.
  public init(
    overrides: [String: String] = [:], environment: [String: String] = [:], file: (name: String, text: String)? = nil
  ) throws(HostingError) {
    self.overrides = overrides
    // An empty variable counts as unset: that is how compose files and shells leave them.
    self.environment = environment.filter { !$0.value.isEmpty }
    self.file = if let file { try SettingsFile(name: file.name, text: file.text) } else { nil }
  }

  /// Reads the file named by the command line or else by `MEDIATOR_CONFIG`; without either there is no file.
  ///
  /// - Throws: `settings` if the file cannot be read or is no YAML.
  public convenience init(
    configFile: String?, overrides: [String: String] = [:], environment: [String: String]
  ) throws(HostingError) {
    guard let name = configFile ?? environment["MEDIATOR_CONFIG"], !name.isEmpty else {
      try self.init(overrides: overrides, environment: environment)
      return
    }
    let text: String
    do { text = try readText(name) } catch {
      throw HostingError(problems: [
        SettingsProblem(.unreadable, at: name, "cannot read the configuration file: \(error.reason)")
      ])
    }
    try self.init(overrides: overrides, environment: environment, file: (name, text))
  }

  /// A top-level section.
  public func section(_ name: String) -> SettingsSection {
    SettingsSection(settings: self, path: "", node: file?.root, source: file?.name ?? "").section(name)
  }

  /// Accepts sections that other services read.
  public func allow(_ names: String...) { values.formUnion(names) }

  /// Accepts whatever is in these sections, of which some is read here and the rest by other services.
  public func tolerate(_ names: String...) { tolerated.formUnion(names) }

  /// - Throws: `settings` with everything that was wrong, unknown keys included.
  public func finish() throws(HostingError) {
    var all = problems
    if let file, let root = file.root { all += unknownKeys(in: root, path: "", source: file.name) }
    for (node, path, source) in structures { all += unknownKeys(in: node, path: path, source: source) }
    for path in overrides.keys.sorted() where !values.contains(path) {
      let hint = nearest(path, among: values).map { " Did you mean \($0)?" } ?? ""
      all.append(SettingsProblem(.unknownKey, at: "option \(path)", "unknown setting \(path).\(hint)"))
    }
    if !all.isEmpty { throw HostingError(problems: all) }
  }

  // MARK: - For sections

  func declare(section path: String) { sections.insert(path) }

  func declare(value path: String) { values.insert(path) }

  func declare(structure node: YAMLNode, path: String, source: String) {
    structures.append((node, path, source))
  }

  var declaredVariables: Set<String> { Set(values.map(environmentName)) }

  func isDeclared(_ path: String) -> Bool { values.contains(path) || sections.contains(path) }

  func note(_ code: SettingsProblem.Code, at place: String, _ message: String) {
    let problem = SettingsProblem(code, at: place, message)
    if !problems.contains(problem) { problems.append(problem) }
  }

  /// Notes a text that logs must not show.
  func noteSecret(_ secret: String) { secrets.append(secret) }

  func option(_ path: String) -> String? { overrides[path] }

  func variable(_ name: String) -> String? { environment[name] }

  /// Names and values of all options and variables that begin so.
  func options(under path: String) -> [(String, String)] { overrides.filter { $0.key.hasPrefix(path) }.sorted(by: <) }

  func variables(under prefix: String) -> [(String, String)] {
    environment.filter { $0.key.hasPrefix(prefix) }.sorted(by: <)
  }

  /// A path in the file is relative to the file.
  func resolve(_ path: String) -> String {
    guard !path.hasPrefix("/"), let name = file?.name, let slash = name.lastIndex(of: "/") else { return path }
    return name[...slash] + path
  }

  // MARK: - Unknown keys

  private func unknownKeys(in node: YAMLNode, path: String, source: String) -> [SettingsProblem] {
    var problems: [SettingsProblem] = []
    for entry in node.mapping ?? [] {
      let child = joined(path, entry.key)
      if tolerated.contains(child) {
        continue
      } else if sections.contains(child) {
        problems += unknownKeys(in: entry.value, path: child, source: source)
      } else if !values.contains(child) {
        let place = "\(source):\(entry.keyPosition.line):\(entry.keyPosition.column)"
        let hint = nearest(entry.key, among: keys(of: path)).map { " Did you mean \($0)?" } ?? ""
        problems.append(SettingsProblem(.unknownKey, at: place, "unknown setting \(child).\(hint)"))
      }
    }
    for (index, item) in (node.sequence ?? []).enumerated() {
      problems += unknownKeys(in: item, path: "\(path)[\(index)]", source: source)
    }
    return problems
  }

  private func keys(of path: String) -> [String] {
    let prefix = path.isEmpty ? "" : path + "."
    return values.union(sections).filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
  }
}

/// The parsed file and its name.
struct SettingsFile {
  let name: String
  let root: YAMLNode?

  init(name: String, text: String) throws(HostingError) {
    self.name = name
    do {
      root = try YAML.parse(text)
    } catch {
      // A file with nothing in it, or only comments, sets nothing.
      guard error.problems.contains(where: { $0.code != .empty }) else {
        root = nil
        return
      }
      throw HostingError(
        problems: error.problems.map { problem in
          let hint = problem.hint.map { " (\($0))" } ?? ""
          let place = "\(name):\(problem.position.line):\(problem.position.column)"
          return SettingsProblem(.syntax, at: place, problem.message + hint)
        })
    }
    guard let root, root.mapping == nil else { return }
    let place = "\(name):\(root.position.line):\(root.position.column)"
    throw HostingError(problems: [SettingsProblem(.wrongType, at: place, "a configuration file is a map of sections")])
  }
}

struct UnreadableFile: Error { let reason: String }

/// The text of a file of at most 1 MiB.
func readText(_ path: String) throws(UnreadableFile) -> String {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw UnreadableFile(reason: String(cString: strerror(errno))) }
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 64 << 10)
  while bytes.count <= 1 << 20 {
    let count = read(descriptor, &chunk, chunk.count)
    guard count >= 0 else { throw UnreadableFile(reason: String(cString: strerror(errno))) }
    if count == 0 {
      guard let text = String(validating: bytes, as: UTF8.self) else { throw UnreadableFile(reason: "it is not UTF-8") }
      return text
    }
    bytes += chunk[..<count]
  }
  throw UnreadableFile(reason: "it is larger than 1 MiB")
}

func joined(_ path: String, _ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
