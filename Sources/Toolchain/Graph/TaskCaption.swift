import Values
import Workflow

/// What a picture says about a task, in a few words.
struct TaskCaption {
  /// To how many columns an expression or a name is cut.
  let limit: Int

  // MARK: Tasks

  /// The kind and what matters most about it; then what else does.
  func lines(_ task: TaskDefinition) -> [String] {
    var lines = kind(task)
    if let timeout = task.timeout { lines.append("within \(duration(timeout))") }
    if let compensation = task.compensation { lines.append("undone by \(name(compensation.function.name))") }
    return lines
  }

  private func kind(_ task: TaskDefinition) -> [String] {
    switch task.kind {
    case .do: ["do"]
    case .set(let template): [set(template)]
    case .call(let call): self.call(call, task.json)
    case .function(let function): ["call function \(name(function.name))"]
    case .switch: ["switch"]
    case .emit(let emission): ["emit \(self.emission(emission))"]
    case .for(let loop): self.loop(loop)
    case .fork(let fork): [fork.compete ? "fork: the first to end wins" : "fork: all of these"]
    case .listen(let listen): self.listen(listen)
    case .raise(let error): ["raise \(template(error.type)) \(error.status)"]
    case .run(let run): [self.run(run)] + (run.await ? [] : ["without waiting for it"])
    case .try: ["try"]
    case .wait(let length): ["wait \(duration(length))"]
    case .extended(let extended): extended.body.first.map { kind($0) } ?? []
    }
  }

  private func set(_ template: Template) -> String {
    switch template {
    case .constant(.object(let object)): "set \(list(object.keys))"
    case .object(let members): "set \(list(members.map(\.key)))"
    case .constant, .expression, .array, .uri: "set \(self.template(template))"
    }
  }

  private func list(_ names: [String]) -> String { short(names.map(TextWidth.plain).joined(separator: ", ")) }

  /// The channel; of a protocol of the standard also where it leads, which the channel does not tell.
  private func call(_ call: Call, _ json: JSON) -> [String] {
    let with = json["with"]
    let word = json["call"]?.string ?? call.channel
    var lines = ["call \(short(word))" + (word == call.channel ? "" : " (channel \(short(call.channel)))")]
    switch word {
    case "http":
      let endpoint = with?["endpoint"]?.string ?? with?["endpoint"]?["uri"]?.string
      lines += [endpoint.map { short("\(with?["method"]?.string?.uppercased() ?? "GET") \($0)") }].compactMap(\.self)
    case "openapi": lines += [with?["operationId"]?.string.map(short)].compactMap(\.self)
    case "asyncapi":
      lines += [(with?["operation"] ?? with?["channel"])?.string.map(short)].compactMap(\.self)
    default: break
    }
    return lines
  }

  private func emission(_ emission: Emission) -> String {
    switch emission.attributes {
    case .constant(let value): value["type"].map(json) ?? "an event"
    case .object(let members): members.first { $0.key == "type" }.map { template($0.value) } ?? "an event"
    case .expression, .array, .uri: template(emission.attributes)
    }
  }

  private func loop(_ loop: ForLoop) -> [String] {
    let at = loop.at == "index" ? "" : " at \(name(loop.at))"
    return ["for \(name(loop.each))\(at) in \(expression(loop.in))"]
      + [loop.while.map { "while \(expression($0))" }].compactMap(\.self)
  }

  private func run(_ run: WorkflowRun) -> String {
    let version = run.version == "latest" ? "" : " \(run.version)"
    return "run workflow \(name(run.namespace))/\(name(run.name))\(name(version))"
  }

  // MARK: Errors

  /// What a `catch` takes, and whether it tries again.
  func handler(_ clause: CatchClause) -> [String] {
    let errors = clause.errors.map(self.errors) ?? ""
    var lines = ["catch \(errors.isEmpty ? "every error" : errors)"]
    if let when = clause.when { lines.append("when \(expression(when))") }
    if let exceptWhen = clause.exceptWhen { lines.append("except when \(expression(exceptWhen))") }
    if let retry = clause.retry { lines.append(self.retry(retry)) }
    return lines
  }

  private func errors(_ filter: ErrorFilter) -> String {
    // Of the standard's own types the last word says all.
    let type = filter.type.map { $0.contains("serverlessworkflow.io") ? $0.split(separator: "/").last ?? "" : $0[...] }
    let parts = [
      type.map(String.init), filter.status.map(String.init), filter.title, filter.detail, filter.instance,
    ]
    return short(parts.compactMap(\.self).joined(separator: " "))
  }

  func retry(_ policy: RetryPolicy) -> String {
    var parts = ["retry"]
    if let attempts = policy.maxAttempts { parts.append("≤ \(max(attempts - 1, 0)) times") }
    if case .constant(.zero) = policy.delay {} else { parts.append("after \(duration(policy.delay))") }
    switch policy.backoff {
    case .constant: break
    case .linear: parts.append("linear")
    case .exponential: parts.append("exponential")
    }
    if let jitter = policy.jitter { parts.append("± \(duration(jitter.from))–\(duration(jitter.to))") }
    if let limit = policy.duration { parts.append("within \(duration(limit))") }
    if let when = policy.when { parts.append("when \(expression(when))") }
    if let exceptWhen = policy.exceptWhen { parts.append("except when \(expression(exceptWhen))") }
    return parts.joined(separator: " ")
  }

  // MARK: Parts

  func row(_ item: SwitchCase) -> String {
    "\(name(item.name)): \(item.when.map(expression) ?? "otherwise")"
  }

  func duration(_ value: DurationValue) -> String {
    switch value {
    case .constant(let duration): ISO8601Duration.format(duration)
    case .expression(let expression): self.expression(expression)
    }
  }

  func expression(_ expression: Expression) -> String { short(expression.source) }

  func template(_ template: Template) -> String {
    switch template {
    case .constant(let value): json(value)
    case .expression(let expression): self.expression(expression)
    case .array: "[…]"
    case .object: "{…}"
    case .uri(let template): json(.string(template.text))
    }
  }

  func json(_ value: JSON) -> String { short(value.string ?? value.text) }

  /// A name that shows what stands in it: a line feed in there is part of the name.
  func name(_ text: String) -> String { TextWidth.truncate(TextWidth.plain(text), to: limit) }

  /// One line: white space in an expression or a sentence says nothing.
  func short(_ text: String) -> String {
    name(text.split(whereSeparator: \.isWhitespace).joined(separator: " "))
  }
}
