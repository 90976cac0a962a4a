import Postgres
import Testing
import TestSupport
import Values

@Suite(.timeLimit(.minutes(4))) struct DiagnosisTests {
  @Test("a channel that nobody consumes is seen within ten seconds, and the instance says so")
  func unservedChannel() async throws {
    let cluster = try await Cluster()
    let file = try cluster.write(
      """
      document: {dsl: 1.0.3, namespace: tests, name: lonely, version: 1.0.0}
      schedule: {on: {one: {with: {type: lonely.asked}}}}
      do:
        - ask:
            call: echo
            with: {text: hello}
      """, to: "lonely.yaml")
    let mediator = try cluster.start("mediator")
    try await cluster.waitForMediator()
    try await cluster.run("mediatorctl", "deploy", file)
    try await cluster.run("mediatorctl", "events", "emit", "--type", "lonely.asked", "--data", "{}")
    let begin = ContinuousClock.now
    try await poll(within: .seconds(30), "the mediator to notice") {
      mediator.log.contains("nobody consumes the channel") || mediator.output.contains("nobody consumes the channel")
        ? true : nil as Bool?
    }
    #expect(ContinuousClock.now - begin < .seconds(10))

    let ids = try await cluster.query("select id::text from instances")
    let id = try #require(ids.first).text(0)
    let why = try JSON.parse(try await cluster.run("mediatorctl", "why", id, "--output", "json"))
    #expect(why["verdict"] == "blocked")
    #expect(why["causes"]?[0]?["code"] == "channelWithoutConsumer")
    #expect(why["causes"]?[0]?["next"]?[0] == "processor echo")
    let stuck = try JSON.parse(
      try await cluster.run("mediatorctl", "stuck", "--older-than", "0s", "--output", "json", expecting: 1))
    #expect(stuck["causes"]?.array?.contains { $0["code"] == "channelWithoutConsumer" } == true)

    let processor = try cluster.start("processor", "echo")
    try await cluster.waitForInstances(1, within: .seconds(30))
    #expect(try await cluster.run("mediatorctl", "why", id).contains("it is completed"))
    #expect(try await cluster.run("mediatorctl", "timeline", id).contains("1 attempt"))
    #expect(try await cluster.run("mediatorctl", "at", id, "--seq", "1").contains("Not in the journal"))
    _ = try await processor.stop()
    _ = try await mediator.stop()
    await cluster.remove()
  }
}
