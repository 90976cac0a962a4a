import ArgumentParser
import Foundation
import Values

/// The measuring programs of scripts/bench.sh. Each prints one JSON object; `report` makes the table of them.
@main
struct Bench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "The measuring programs of scripts/bench.sh.",
    subcommands: [
      EngineBench.self, KafkaBench.self, PostgresBench.self, WorkflowBench.self, ReportCommand.self,
    ])
}

struct BenchError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

extension JSON {
  init(_ value: Double) { self = .number(JSONNumber(value)) }
  init(_ value: Int) { self = .number(JSONNumber(value)) }
  init(_ values: [String: Double]) {
    self = .object(JSONObject(values.sorted { $0.key < $1.key }.map { ($0.key, JSON($0.value)) }))
  }
}

extension Duration {
  var seconds: Double { self / .seconds(1) }
}

func readText(_ path: String) throws -> String {
  guard let data = FileManager.default.contents(atPath: path) else { throw BenchError("\(path) cannot be read") }
  return String(decoding: data, as: UTF8.self)
}

/// 200 bytes that look like an event.
let sampleEvent: JSON = [
  "equipment": "equipment-12-3", "device": "device-12", "bootId": "9f3b5c7d1e2a4b68", "sequence": 4711,
  "timestamp": "2026-01-31T12:34:56.789012Z", "jobPercentFinished": 93.5, "producing": true,
  "padding": .string(String(repeating: "x", count: 20)),
]
