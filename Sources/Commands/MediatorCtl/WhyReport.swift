import Engine
import Mediator
import Toolchain
import Values

/// Why an instance is where it is, for people and for machines.
struct WhyReport {
  private let facts: InstanceFacts
  private let diagnosis: Diagnosis

  init(_ facts: InstanceFacts) {
    self.facts = facts
    diagnosis = Diagnosis(facts)
  }

  // MARK: JSON

  var json: JSON {
    var object = facts.detail.summary.json
    object["verdict"] = .string(diagnosis.kind.text)
    object["causes"] = .array(diagnosis.findings.map { $0.json(of: diagnosis.id) })
    object["kafkaProblem"] = .text(facts.kafkaProblem)
    object["now"] = .time(facts.now)
    return .object(object)
  }

  // MARK: Text

  func text(_ style: Style) -> String {
    var style = style
    // The moments are the database's, and so must be what they relate to.
    style.now = facts.now
    let summary = facts.detail.summary
    var head = FieldList()
    head.add("Instance", style.painted(summary.id.text, .bold))
    head.add("Workflow", "\(summary.namespace)/\(summary.name) \(summary.version)")
    head.add("Status", style.painted(summary.status.rawValue, summary.status.colour))
    head.add("Verdict", style.painted(diagnosis.kind.sentence, diagnosis.kind.colour))
    if let problem = facts.kafkaProblem { head.add("Kafka", TextWidth.plain("was not asked: \(problem)")) }
    let findings = diagnosis.findings.map { $0.text(of: diagnosis.id, style) }
    return ([head.render(style)] + findings).joined(separator: "\n\n")
  }
}

extension Cause.Kind {
  var text: String {
    switch self {
    case .ended: "ended"
    case .blocked: "blocked"
    case .waiting: "waiting"
    }
  }

  fileprivate var sentence: String {
    switch self {
    case .ended: "has ended"
    case .blocked: "blocked: somebody has to do something"
    case .waiting: "waiting: it goes on by itself"
    }
  }

  fileprivate var colour: Colour {
    switch self {
    case .ended: .green
    case .blocked: .red
    case .waiting: .blue
    }
  }
}

extension Diagnosis.Finding {
  fileprivate func json(of id: UUIDValue) -> JSON {
    var evidence: JSONObject = [:]
    for item in cause.evidence { evidence[item.name] = item.value.json }
    return [
      "code": .string(cause.code), "task": .text(task), "summary": .string(cause.summary),
      "evidence": .object(evidence), "next": .array(cause.next(for: id).map { .string($0) }),
    ]
  }

  fileprivate func text(of id: UUIDValue, _ style: Style) -> String {
    let title = (task.map { "\($0): " } ?? "") + cause.summary
    var fields = FieldList()
    for item in cause.evidence { fields.add(item.name, lines: item.value.lines(style)) }
    fields.add("next", lines: cause.next(for: id).map { style.painted(TextWidth.plain($0), .bold) })
    fields.add("code", cause.code)
    let body = fields.render(style).split(separator: "\n", omittingEmptySubsequences: false).map { "  \($0)" }
    return ([style.painted(TextWidth.plain(title), cause.kind.colour)] + body).joined(separator: "\n")
  }
}

extension Evidence.Value {
  var json: JSON {
    switch self {
    case .text(let text): .string(text)
    case .count(let count): .integer(count)
    case .time(let time): .time(time)
    case .lines(let lines): .array(lines.map { .string($0) })
    }
  }

  func lines(_ style: Style) -> [String] {
    switch self {
    case .text(let text): [TextWidth.plain(text)]
    case .count(let count): ["\(count)"]
    case .time(let time): [style.moment(time)]
    case .lines(let lines): lines.map(TextWidth.plain)
    }
  }
}
