import Toolchain
import Values
import Workflow

func diff(_ old: String, _ new: String) throws -> WorkflowDiff {
  WorkflowDiff(try workflow(old), try workflow(new, version: "1.1.0"))
}

extension MemberChange {
  /// `+ /pointer new`, `- /pointer old`, `~ /pointer old → new`
  var brief: String {
    switch (old, new) {
    case (nil, let new): "+ \(pointer) \(new?.text ?? "")"
    case (let old?, nil): "- \(pointer) \(old.text)"
    case (let old?, let new?): "~ \(pointer) \(old.text) → \(new.text)"
    }
  }
}

extension WorkflowDiff {
  /// Each task as `changes name (from old name): old reference → new reference`, its members below.
  var brief: [String] {
    tasks.flatMap { task in
      let renamed = task.oldName.map { " (from \($0))" } ?? ""
      let places = [task.oldReference, task.newReference].map { $0 ?? "·" }.joined(separator: " → ")
      return ["\(task.kinds.map(\.rawValue).joined(separator: "+")) \(task.name)\(renamed): \(places)"]
        + task.members.map { "  " + $0.brief }
    }
  }
}
