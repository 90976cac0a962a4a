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
    try await cluster.run(
      "mediatorctl", "events", "emit", "--type", "lonely.asked", "--id", "lonely-1", "--key", "k1", "--data", "{}")
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
    #expect(try await cluster.run("mediatorctl", "watch", id).contains("■ completed"))
    let top = try JSON.parse(try await cluster.run("mediatorctl", "top", "--once", "--output", "json"))
    #expect(top["channels"]?[0]?["channel"] == "echo")
    #expect(top["channels"]?[0]?["members"] == 1)
    for subject in ["lonely-1", "k1", id] {
      let trace = try JSON.parse(try await cluster.run("mediatorctl", "trace", subject, "--output", "json"))
      var kinds: [JSON?] = []
      var node = trace["roots"]?[0]
      while let current = node {
        kinds.append(current["topic"] ?? current["kind"])
        node = current["effects"]?[0]
      }
      #expect(kinds == ["mediator.queue", "instance", "mediator.channel.echo", "mediator.replies"])
    }
    try await cluster.run("mediatorctl", "trace", "unheard-of", expecting: 4)
    _ = try await processor.stop()
    _ = try await mediator.stop()
    await cluster.remove()
  }
}
