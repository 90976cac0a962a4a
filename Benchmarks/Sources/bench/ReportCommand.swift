import ArgumentParser
import Foundation
import Values

/// Puts the results of a run together: one JSON object, and the table of docs/benchmarks.md.
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report", abstract: "The table of a folder with results.",
    discussion: "Reads machine.json, fsync.json, kafka.json, postgres.json, engine.json and LOAD-saturation.json and "
      + "LOAD-half.json of each load, and writes result.json.")

  @Argument(help: "The folder.")
  var folder: String

  @Option(name: .customLong("load"), help: "A load's name; the columns of the table.")
  var loads: [String]

  func run() throws {
    var all: JSONObject = [:]
    for name in ["machine", "fsync", "kafka", "postgres", "engine"] { all[name] = try read(name) }
    for load in loads {
      all[load] = ["saturation": try read("\(load)-saturation"), "half": try read("\(load)-half")]
    }
    let result = JSON.object(all)
    guard FileManager.default.createFile(atPath: "\(folder)/result.json", contents: Data((result.pretty() + "\n").utf8))
    else { throw BenchError("\(folder)/result.json cannot be written") }
    print(Report(result: result, loads: loads).text)
  }

  private func read(_ name: String) throws -> JSON {
    let file = "\(folder)/\(name).json"
    do {
      return try JSON.parse(readText(file))
    } catch let error as JSONError {
      throw BenchError("\(file): \(error)")
    }
  }
}
