import Glibc
import TestSupport
import Values

/// What a drill has measured: a line of JSON in the file that `DRILL_FIGURES` names, for scripts/drill.sh.
struct Figures {
  let drill: String
  let faults: Int
  /// Readings that the broker has acknowledged.
  let events: Int
  let instances: Int
  let losses: Int
  let duplicates: Int
  /// How often epochs and positions were looked at.
  let samples: Int
  /// From the end of each fault until every shard had ended an instance again.
  let recoveries: [Duration]
  /// From the end of the load until everything was done.
  let drained: Duration
  let note: String?

  private var json: JSON {
    var members = JSONObject()
    members["drill"] = .string(drill)
    for (name, value) in [
      ("faults", faults), ("events", events), ("instances", instances), ("losses", losses), ("duplicates", duplicates),
      ("samples", samples), ("drainedMilliseconds", Self.milliseconds(drained)),
    ] { members[name] = .number(JSONNumber(value)) }
    members["recoveriesMilliseconds"] = .array(recoveries.map { .number(JSONNumber(Self.milliseconds($0))) })
    if let note { members["note"] = .string(note) }
    return .object(members)
  }

  private static func milliseconds(_ duration: Duration) -> Int { Int(duration / .milliseconds(1)) }

  func write() throws {
    print("drill \(json.text)")
    guard let path = getenv("DRILL_FIGURES").map({ String(cString: $0) }), !path.isEmpty else { return }
    guard let file = fopen(path, "a") else { throw ServiceProcess.Failure("cannot write \(path)") }
    defer { fclose(file) }
    fputs(json.text + "\n", file)
  }
}
