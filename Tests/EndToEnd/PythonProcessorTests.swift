import Postgres
import TestSupport
import Testing
import Values

/// The contract needs no SDK: `examples/processor.py` serves a channel of its own.
@Suite struct PythonProcessorTests {
  static let definition = """
    document: {dsl: 1.0.3, namespace: examples, name: greet, version: 1.0.0}
    schedule:
      on:
        one:
          with: {type: person.arrived}
    do:
      - greet:
          call: greetings
          with: {person: "${ .[0].data.name }"}
          output: {as: "${ .greeting }"}
    """

  @Test(.timeLimit(.minutes(3))) func servesItsChannel() async throws {
    let cluster = try await Cluster()
    let file = try cluster.write(Self.definition, to: "greet.yaml")
    try await cluster.run("mediatorctl", "deploy", file)
    let mediator = try cluster.start("mediator")
    let processor = try cluster.start("/usr/bin/python3", example("processor.py"))
    try await cluster.waitForMediator()
    for name in ["Ada", "Grace"] {
      try await cluster.run(
        "mediatorctl", "events", "emit", "--type", "person.arrived", "--source", "/door", "--id", name,
        "--data", #"{"name": "\#(name)"}"#)
    }
    try await cluster.waitForInstances(2, within: .seconds(60))
    var outputs: Set<String> = []
    for row in try await cluster.query("select output::text as output from instances") {
      outputs.insert(try row.text("output"))
    }
    #expect(outputs == [#""Hello, Ada!""#, #""Hello, Grace!""#])
    await processor.kill()
    #expect(try await mediator.stop() == 0)
    await cluster.remove()
  }

  private func example(_ name: String) -> String {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    return "/\(root)/examples/\(name)"
  }
}
