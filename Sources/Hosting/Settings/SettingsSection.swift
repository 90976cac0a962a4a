import Values
import YAML

/// A view of one map of the configuration. Every getter declares its key.
///
/// A value is looked for in the options, then in the environment under `MEDIATOR_` and the path in capitals, then in the
/// file. A key without a value in the file counts as absent.
public struct SettingsSection {
  private let settings: Settings
  /// `processors.telegram`, `queues[0]`.
  public let path: String
  private let node: YAMLNode?
  /// Where `node` was written: the file or a variable.
  private let source: String

  init(settings: Settings, path: String, node: YAMLNode?, source: String) {
    self.settings = settings
    self.path = path
    self.node = node
    self.source = source
  }

  // MARK: - Scalars

  /// - Parameter environment: a second variable to look at, by its full name.
  public func string(_ key: String, environment: String? = nil) -> String? {
    scalar(key, environment: environment, "a text; a number needs quotes to be one", textOnly: true) { $0 }
  }

  public func string(_ key: String, default value: String) -> String { string(key) ?? value }

  public func integer(_ key: String, in range: ClosedRange<Int> = Int.min...Int.max) -> Int? {
    let name = range == Int.min...Int.max ? "a whole number" : "a whole number from \(bounds(range))"
    return scalar(key, name) { Int($0) }.flatMap { range.contains($0) ? $0 : invalid(key, "must be \(name)") }
  }

  public func integer(_ key: String, default value: Int, in range: ClosedRange<Int> = Int.min...Int.max) -> Int {
    integer(key, in: range) ?? value
  }

  public func number(_ key: String) -> Double? {
    scalar(key, "a number") { Double($0).flatMap { $0.isFinite ? $0 : nil } }
  }

  public func number(_ key: String, default value: Double) -> Double { number(key) ?? value }

  public func bool(_ key: String) -> Bool? {
    scalar(key, "true or false") { ["true": true, "false": false][$0.lowercased()] }
  }

  public func bool(_ key: String, default value: Bool) -> Bool { bool(key) ?? value }

  /// `5s`, `250ms`, `1m30s` or ISO 8601.
  public func duration(_ key: String, in range: ClosedRange<Duration>? = nil) -> Duration? {
    let parsed = scalar(key, "a duration like 5s, 250ms, 10m or PT5S", parseDuration)
    guard let parsed, let range, !range.contains(parsed) else { return parsed }
    let (low, high) = (ISO8601Duration.format(range.lowerBound), ISO8601Duration.format(range.upperBound))
    return invalid(key, "must be a duration from \(low) to \(high)")
  }

  public func duration(_ key: String, default value: Duration, in range: ClosedRange<Duration>? = nil) -> Duration {
    duration(key, in: range) ?? value
  }

  /// One of the cases, by raw value.
  public func choice<Choice: CaseIterable & RawRepresentable<String>>(_ key: String, default value: Choice) -> Choice {
    let words = Choice.allCases.map(\.rawValue)
    return scalar(key, "one of \(words.joined(separator: ", "))") { Choice(rawValue: $0) } ?? value
  }

  /// A path; one in the file is relative to the file's directory.
  public func path(_ key: String) -> String? {
    guard let found = find(key) else { return nil }
    guard let path = string(key) else { return nil }
    return found.layer == .file ? settings.resolve(path) : path
  }

  /// The value of `key`, or the content of the file that `<key>File` names, without its last line break.
  ///
  /// What is found is added to `Settings.secrets`.
  public func secret(_ key: String, environment: String? = nil) -> String? {
    let direct = find(key, environment: environment)
    let indirect = find(key + "File")
    if let direct, let indirect, direct.layer == indirect.layer {
      settings.note(.conflict, at: indirect.place, "\(joined(path, key)) and \(key)File exclude each other")
      return nil
    }
    guard let indirect, direct.map({ $0.layer < indirect.layer }) ?? true else {
      let value = string(key, environment: environment)
      if let value { settings.noteSecret(value) }
      return value
    }
    guard let file = path(key + "File") else { return nil }
    do {
      let text = try readText(file)
      let secret = String(text.reversed().drop { $0.isNewline }.reversed())
      guard !secret.isEmpty else {
        settings.note(.invalidValue, at: indirect.place, "\(file) is empty")
        return nil
      }
      settings.noteSecret(secret)
      return secret
    } catch {
      settings.note(.unreadable, at: indirect.place, "cannot read \(file): \(error.reason)")
      return nil
    }
  }

  // MARK: - Structure

  /// A map within this one.
  public func section(_ key: String) -> SettingsSection {
    let child = joined(path, key)
    settings.declare(section: child)
    let node = entry(key)?.value
    if let node, node.mapping == nil, !isAbsent(node) {
      settings.note(.wrongType, at: place(of: node), "\(child) must be a map")
    }
    return SettingsSection(settings: settings, path: child, node: node, source: source)
  }

  /// A list of texts; in an option or a variable separated by commas, or in YAML's `[a, b]`.
  public func strings(_ key: String) -> [String]? {
    guard let found = find(key) else { return nil }
    if case .text(let text) = found.value, !text.hasPrefix("[") {
      return text.split(separator: ",").map { $0.trimming(while: \.isWhitespace) }.filter { !$0.isEmpty }
    }
    guard let structure = structure(found, key, "a list of texts") else { return nil }
    let texts = structure.sequence?.compactMap { $0.scalar?.string }
    guard let texts, texts.count == structure.sequence?.count else { return invalid(key, "must be a list of texts") }
    return texts
  }

  /// A list of maps; in an option or a variable as YAML or JSON.
  public func list(_ key: String) -> [SettingsSection] {
    guard let found = find(key), let node = structure(found, key, "a list of maps") else { return [] }
    guard let items = node.sequence, items.allSatisfy({ $0.mapping != nil }) else {
      report(key, "must be a list of maps")
      return []
    }
    let child = joined(path, key)
    settings.declare(structure: node, path: child, source: found.source)
    return items.enumerated().map { index, item in
      let path = "\(child)[\(index)]"
      settings.declare(section: path)
      return SettingsSection(settings: settings, path: path, node: item, source: found.source)
    }
  }

  /// A map of maps whose keys are names the user gives; in an option or a variable as YAML or JSON.
  public func map(_ key: String) -> [(name: String, section: SettingsSection)] {
    guard let found = find(key), let node = structure(found, key, "a map of maps") else { return [] }
    guard let entries = node.mapping, entries.allSatisfy({ $0.value.mapping != nil || isAbsent($0.value) }) else {
      report(key, "must be a map of maps")
      return []
    }
    let child = joined(path, key)
    settings.declare(structure: node, path: child, source: found.source)
    return entries.map { entry in
      let path = joined(child, entry.key)
      settings.declare(section: path)
      return (entry.key, SettingsSection(settings: settings, path: path, node: entry.value, source: found.source))
    }
  }

  /// Anything, unchecked; in an option or a variable as YAML or JSON.
  public func json(_ key: String) -> JSON? {
    guard let found = find(key) else { return nil }
    return structure(found, key, "YAML or JSON")?.json
  }

  /// Texts under names that nobody has declared, and thereby all of them: `MEDIATOR_KAFKA_SASL_MECHANISM` is
  /// `sasl.mechanism`.
  public func others() -> [String: String] {
    let declared = settings.declaredVariables
    var result: [String: String] = [:]
    for entry in node?.mapping ?? [] where !settings.isDeclared(joined(path, entry.key)) {
      settings.declare(value: joined(path, entry.key))
      guard !isAbsent(entry.value) else { continue }
      result[entry.key] = text(of: entry.value) ?? invalid(entry.key, "must be a text, a number, true or false")
    }
    let prefix = environmentName(path) + "_"
    for (name, value) in settings.variables(under: prefix) where !declared.contains(name) {
      result[name.dropFirst(prefix.count).lowercased().replacing("_", with: ".")] = value
    }
    for (option, value) in settings.options(under: path + ".") {
      let key = String(option.dropFirst(path.count + 1))
      guard result[key] != nil || !settings.isDeclared(option) else { continue }
      settings.declare(value: option)
      result[key] = value
    }
    return result
  }

  /// Whether a value is set anywhere.
  public func has(_ key: String) -> Bool { find(key) != nil }

  // MARK: - Mistakes a reader finds

  /// Notes that a value, though of the right type, cannot be used. The message follows the setting's path.
  public func report(_ key: String, _ message: String) {
    let place = (find(key) ?? find(key + "File", declaring: false))?.place ?? "configuration"
    settings.note(.invalidValue, at: place, "\(joined(path, key)) \(message)")
  }

  /// Notes that a value is needed, unless there is one.
  public func require(_ key: String, _ hint: String = "") {
    guard find(key) == nil, find(key + "File", declaring: false) == nil else { return }
    let place = node.map { self.place(of: $0) } ?? "configuration"
    let name = environmentName(joined(path, key))
    let text = hint.isEmpty ? "set it in the file or as \(name)" : hint
    settings.note(.missing, at: place, "\(joined(path, key)) is missing: \(text)")
  }
}

// MARK: - Looking up

extension SettingsSection {
  private enum Layer: Int, Comparable {
    case file, environment, option

    static func < (left: Layer, right: Layer) -> Bool { left.rawValue < right.rawValue }
  }

  private struct Found {
    enum Value {
      case text(String)
      case node(YAMLNode)
    }
    let value: Value
    let layer: Layer
    /// What to name in front of a position within the value.
    let source: String
    let place: String
  }

  private func find(_ key: String, environment alias: String? = nil, declaring: Bool = true) -> Found? {
    let child = joined(path, key)
    if declaring { settings.declare(value: child) }
    if let text = settings.option(child) {
      return Found(value: .text(text), layer: .option, source: "option \(child)", place: "option \(child)")
    }
    for name in [environmentName(child), alias ?? ""] {
      guard let text = settings.variable(name) else { continue }
      let source = "environment variable \(name)"
      return Found(value: .text(text), layer: .environment, source: source, place: source)
    }
    guard let entry = entry(key), !isAbsent(entry.value) else { return nil }
    return Found(value: .node(entry.value), layer: .file, source: source, place: place(of: entry.value))
  }

  private func place(of node: YAMLNode) -> String { "\(source):\(node.position.line):\(node.position.column)" }

  private func entry(_ key: String) -> YAMLEntry? { node?.mapping?.first { $0.key == key } }

  private func isAbsent(_ node: YAMLNode) -> Bool { node.scalar?.isNull ?? false }

  private func scalar<Value>(
    _ key: String, environment: String? = nil, _ expected: String, textOnly: Bool = false,
    _ parse: (String) -> Value?
  ) -> Value? {
    guard let found = find(key, environment: environment) else { return nil }
    let text: String? =
      switch found.value {
      case .text(let text): text
      // What YAML read as a number is no longer what was written: 0123 is 123.
      case .node(let node): textOnly ? node.scalar?.string : self.text(of: node)
      }
    if let value = text.flatMap(parse) { return value }
    settings.note(.wrongType, at: found.place, "\(joined(path, key)) must be \(expected)")
    return nil
  }

  private func text(of node: YAMLNode) -> String? {
    switch node.scalar {
    case .string(let text): text
    case .number(let number): number.text
    case .bool(let value): value ? "true" : "false"
    default: nil
    }
  }

  private func structure(_ found: Found, _ key: String, _ expected: String) -> YAMLNode? {
    switch found.value {
    case .node(let node): return node
    case .text(let text):
      do { return try YAML.parse(text) } catch {
        let reason = error.problems.first.map { ": \($0.message)" } ?? ""
        settings.note(.syntax, at: found.place, "\(joined(path, key)) must be \(expected) in YAML or JSON\(reason)")
        return nil
      }
    }
  }

  private func invalid<Value>(_ key: String, _ message: String) -> Value? {
    report(key, message)
    return nil
  }

  private func bounds(_ range: ClosedRange<Int>) -> String {
    range.upperBound == Int.max ? "\(range.lowerBound) up" : "\(range.lowerBound) to \(range.upperBound)"
  }
}

extension Substring {
  fileprivate func trimming(while isBlank: (Character) -> Bool) -> String {
    guard let first = firstIndex(where: { !isBlank($0) }), let last = lastIndex(where: { !isBlank($0) }) else {
      return ""
    }
    return String(self[first...last])
  }
}
