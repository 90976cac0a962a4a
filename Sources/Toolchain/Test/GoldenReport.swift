import Values
import Workflow

/// The results of a run of golden tests, as tools read them.
public struct GoldenReport: Sendable {
  public struct File: Sendable {
    public let path: String
    public let results: [GoldenResult]

    public init(path: String, results: [GoldenResult]) {
      self.path = path
      self.results = results
    }
  }

  public let files: [File]

  public init(files: [File]) { self.files = files }

  public var passed: Int { files.reduce(0) { $0 + $1.results.count(where: \.hasPassed) } }
  public var failed: Int { files.reduce(0) { $0 + $1.results.count { !$0.hasPassed } } }

  /// The last line, for people and for scripts.
  public var summary: String { "\(passed) passed, \(failed) failed" }

  public var json: JSON {
    [
      "passed": .number(JSONNumber(passed)), "failed": .number(JSONNumber(failed)),
      "files": .array(
        files.map { file in
          ["file": .string(file.path), "cases": .array(file.results.map(\.json))]
        }),
    ]
  }

  /// As CI systems read it.
  public var junit: String {
    var lines = [
      #"<?xml version="1.0" encoding="UTF-8"?>"#,
      #"<testsuites tests="\#(passed + failed)" failures="\#(failed)">"#,
    ]
    for file in files {
      let failures = file.results.count { !$0.hasPassed }
      let suite = Self.escaped(file.path)
      lines.append(#"  <testsuite name="\#(suite)" tests="\#(file.results.count)" failures="\#(failures)">"#)
      for result in file.results {
        let start = #"    <testcase classname="\#(suite)" name="\#(Self.escaped(result.name))""#
        guard !result.hasPassed else {
          lines.append(start + "/>")
          continue
        }
        let subjects = result.failures.map(\.subject).joined(separator: ", ")
        lines.append(start + ">")
        lines.append(#"      <failure message="\#(Self.escaped(subjects))">\#(Self.escaped(result.text))</failure>"#)
        lines.append("    </testcase>")
      }
      lines.append("  </testsuite>")
    }
    return (lines + ["</testsuites>"]).joined(separator: "\n")
  }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "\n": result += "&#10;"
      // XML 1.0 has no way to write the other control characters.
      case _ where scalar.value < 0x20: result += "\u{FFFD}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

extension GoldenResult {
  public var text: String {
    failures.map { failure in "\(failure.subject): " + failure.lines.joined(separator: "\n  ") }.joined(separator: "\n")
  }

  fileprivate var json: JSON {
    [
      "name": .string(name), "line": .number(JSONNumber(location.line)), "passed": .bool(hasPassed),
      "failures": .array(
        failures.map { ["subject": .string($0.subject), "lines": .array($0.lines.map { .string($0) })] }),
    ]
  }
}
