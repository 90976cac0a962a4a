import CLibYAML
import Values

/// Turns libyaml's events into a tree. What is refused but understood (a tag, a repeated key) is collected, so that an
/// author sees all of it at once; what makes the rest unreadable ends the reading.
final class YAMLBuilder {
  private let limits: YAMLLimits
  private let lines: YAMLLines
  private let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
  private var problems: [YAMLProblem] = []
  private var anchors: [String: Anchor] = [:]
  private var aliasedNodes = 0

  private struct Anchor {
    let node: YAMLNode
    let size: Size
  }

  /// What repeating a value costs.
  private struct Size {
    var nodes = 1
    var height = 0

    mutating func add(_ child: Size) {
      nodes += child.nodes
      height = max(height, child.height + 1)
    }
  }

  init(limits: YAMLLimits, lines: YAMLLines) {
    self.limits = limits
    self.lines = lines
    yaml_parser_initialize(parser)
  }

  deinit {
    yaml_parser_delete(parser)
    parser.deallocate()
  }

  func build(_ bytes: [UInt8]) throws(YAMLError) -> YAMLNode {
    do {
      // The parser reads from the buffer it was given: both end with this closure.
      return try bytes.withUnsafeBufferPointer { buffer throws(YAMLError) in
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, buffer.baseAddress, buffer.count)
        return try stream()
      }
    } catch {
      // An error that ends the reading comes after the mistakes found before it.
      throw YAMLError(problems: problems + error.problems)
    }
  }

  private func stream() throws(YAMLError) -> YAMLNode {
    _ = try next()
    let start = try next()
    guard case .documentStart = start.kind else {
      throw YAMLError(.empty, start.position, "the file is empty")
    }
    let (node, _) = try node(try next(), depth: 1)
    _ = try next()
    let after = try next()
    if case .documentStart = after.kind {
      problems.append(
        YAMLProblem(
          code: .severalDocuments, position: after.position, message: "a second document starts here",
          hint: "one file holds one document: put the other into a file of its own"))
    }
    guard problems.isEmpty else { throw YAMLError(problems: []) }
    return node
  }

  private func node(_ event: YAMLEvent, depth: Int) throws(YAMLError) -> (YAMLNode, Size) {
    if depth > limits.maxDepth { throw tooDeep(event.position) }
    if let tag = event.tag { refuseTag(tag, event) }
    let result: (YAMLNode, Size)
    switch event.kind {
    case .scalar(let text, let style):
      result = (YAMLNode(position: event.position, content: .scalar(scalar(text, style, event), style)), Size())
    case .sequenceStart: result = try sequence(from: event, depth: depth)
    case .mappingStart: result = try mapping(from: event, depth: depth)
    case .alias(let name): return try alias(name, event, depth: depth)
    default: throw YAMLError(.syntax, event.position, "a value is expected here")
    }
    if let anchor = event.anchor { anchors[anchor] = Anchor(node: result.0, size: result.1) }
    return result
  }

  private func scalar(_ text: String, _ style: YAMLScalarStyle, _ event: YAMLEvent) -> JSON {
    guard style == .plain else { return .string(text) }
    switch YAMLScalar.resolve(plain: text) {
    case .value(let value): return value
    case .notFinite:
      report(.number, event.position, "\(text) is a number that JSON cannot carry", "quote it if text is meant")
    case .tooLong:
      report(.number, event.position, "this number has too many digits", "quote it if text is meant")
    }
    return .null
  }

  private func sequence(from event: YAMLEvent, depth: Int) throws(YAMLError) -> (YAMLNode, Size) {
    var items: [YAMLNode] = []
    var size = Size()
    while true {
      let next = try next()
      if case .sequenceEnd = next.kind { break }
      let (item, itemSize) = try node(next, depth: depth + 1)
      items.append(item)
      size.add(itemSize)
    }
    return (YAMLNode(position: event.position, content: .sequence(items)), size)
  }

  private func mapping(from event: YAMLEvent, depth: Int) throws(YAMLError) -> (YAMLNode, Size) {
    var entries: [YAMLEntry] = []
    var lineOfKey: [String: Int] = [:]
    var size = Size()
    while true {
      let next = try next()
      if case .mappingEnd = next.kind { break }
      let key = try key(next, depth: depth + 1)
      let (value, valueSize) = try node(try self.next(), depth: depth + 1)
      size.add(valueSize)
      guard let key else { continue }
      if let line = lineOfKey[key] {
        report(
          .duplicateKey, next.position, "the key '\(key)' is here already, on line \(line)",
          "keep one of them: only one can be meant")
      } else {
        lineOfKey[key] = next.position.line
        entries.append(YAMLEntry(key: key, keyPosition: next.position, value: value))
      }
    }
    return (YAMLNode(position: event.position, content: .mapping(entries)), size)
  }

  /// The text of a key; `nil` when it was refused.
  private func key(_ event: YAMLEvent, depth: Int) throws(YAMLError) -> String? {
    if let tag = event.tag { refuseTag(tag, event) }
    guard case .scalar(let text, let style) = event.kind else {
      if case .alias = event.kind {
        report(.key, event.position, "an alias cannot be a key", "write the key itself")
      } else {
        // The event's whole value is read, so that the mapping can go on behind it.
        _ = try node(event, depth: depth)
        report(.key, event.position, "a key must be text, not a list or a mapping", "expressions need quotes: '${ … }'")
      }
      return nil
    }
    if style == .plain && text == "<<" {
      report(
        .mergeKey, event.position, "merge keys (<<) are no part of YAML 1.2",
        "write the keys out, or use an alias as a whole value")
      return nil
    }
    if style == .plain && text.isEmpty {
      report(.key, event.position, "a key is missing before the colon", nil)
      return nil
    }
    if let anchor = event.anchor {
      let node = YAMLNode(position: event.position, content: .scalar(.string(text), style))
      anchors[anchor] = Anchor(node: node, size: Size())
    }
    return text
  }

  private func alias(_ name: String, _ event: YAMLEvent, depth: Int) throws(YAMLError) -> (YAMLNode, Size) {
    guard let anchor = anchors[name] else {
      report(
        .alias, event.position, "the alias *\(name) has no finished anchor before it",
        "an anchor (&\(name)) must come first, and a value cannot contain itself")
      return (YAMLNode(position: event.position, content: .scalar(.null, .plain)), Size())
    }
    aliasedNodes += anchor.size.nodes
    if aliasedNodes > limits.maxAliasedNodes {
      throw YAMLError(
        .alias, event.position, "the aliases of this file repeat more than \(limits.maxAliasedNodes) values",
        hint: "write the values out where they are needed")
    }
    if depth + anchor.size.height > limits.maxDepth { throw tooDeep(event.position) }
    return (anchor.node, anchor.size)
  }

  private func tooDeep(_ position: YAMLPosition) -> YAMLError {
    YAMLError(.tooDeep, position, "values are nested more than \(limits.maxDepth) levels deep here")
  }

  private func refuseTag(_ tag: String, _ event: YAMLEvent) {
    report(
      .tag, event.position, "'!' starts a YAML tag (\(tag)), and tags are refused",
      "quote text that begins with '!'; to negate in an expression, write | not")
  }

  private func report(_ code: YAMLProblem.Code, _ position: YAMLPosition, _ message: String, _ hint: String?) {
    problems.append(YAMLProblem(code: code, position: position, message: message, hint: hint))
  }

  private func next() throws(YAMLError) -> YAMLEvent {
    var event = yaml_event_t()
    guard yaml_parser_parse(parser, &event) == 1 else { throw syntaxError() }
    defer { yaml_event_delete(&event) }
    let result = YAMLEvent(event)
    if case .documentStart(let hasDirectives) = result.kind, hasDirectives {
      report(.directive, result.position, "directives (%YAML, %TAG) are refused", "remove the lines that start with %")
    }
    return result
  }

  /// libyaml's own words, with what usually causes them.
  private func syntaxError() -> YAMLError {
    let state = parser.pointee
    let problem = state.problem.map { String(cString: $0) } ?? "not YAML"
    let context = state.context.map { " (\(String(cString: $0)))" } ?? ""
    var position = YAMLPosition(line: Int(state.problem_mark.line) + 1, column: Int(state.problem_mark.column) + 1)
    if state.error == YAML_READER_ERROR {
      position = YAMLPosition(line: Int(state.mark.line) + 1, column: Int(state.mark.column) + 1)
    }
    return YAMLError(.syntax, position, problem + context, hint: hint(for: problem, at: position))
  }

  private func hint(for problem: String, at position: YAMLPosition) -> String? {
    let line = lines[position.line]
    if line.prefix(while: { $0 == " " || $0 == "\t" }).contains("\t") {
      return "YAML indents with spaces; this line has a tab in front"
    }
    if line.contains("${") { return "quote the expression: '${ … }'" }
    if problem.contains("control characters") { return "remove the invisible control character" }
    if problem.contains("cannot start any token") { return "quote text that begins with this character" }
    if problem.contains("mapping values are not allowed") { return "quote text that contains ': '" }
    if problem.contains("could not find expected ':'") {
      return "is a ':' missing after a key, or the indentation off?"
    }
    if problem.contains("did not find expected") { return "check the indentation and the quotes of this line" }
    return nil
  }
}
