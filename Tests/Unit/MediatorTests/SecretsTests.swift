import Engine
import Kafka
import Testing
import Values
import Wire
import Workflow

@testable import Mediator

@Suite struct SecretsTests {
  private let secrets = Secrets(
    ["token": "s3cret", "login": ["user": "me", "port": 8080, "list": ["a", "b"]], "other": "o"], seal: "0123abcd")

  private func sealed(_ path: [String]) -> String {
    path.reduce(secrets.sealed) { $0[$1] ?? .null }.string ?? ""
  }

  @Test func nothingOfThemIsSeenSealed() {
    let text = secrets.sealed.text
    for value in ["s3cret", "me\"", "8080"] { #expect(!text.contains(value)) }
    #expect(secrets.names == ["login", "other", "token"])
  }

  @Test func theyComeBackAsTheyWere() {
    let names = ["token", "login"]
    #expect(
      secrets.unsealed(secrets.sealed["login"] ?? nil, names: names) == [
        "user": "me", "port": 8080, "list": ["a", "b"],
      ])
    #expect(secrets.unsealed(["h": .string("Bearer \(sealed(["token"]))!")], names: names) == ["h": "Bearer s3cret!"])
    // Alone, a value keeps its type; in a text it is text.
    #expect(secrets.unsealed(.string("p\(sealed(["login", "port"]))"), names: names) == "p8080")
    #expect(secrets.unsealed(.string(sealed(["token"]) + sealed(["token"])), names: names) == "s3crets3cret")
  }

  @Test func onlyWhatIsDeclared() {
    let text = JSON.string(sealed(["other"]))
    #expect(secrets.unsealed(text, names: ["token", "login"]) == text)
    #expect(secrets.unsealed(text, names: []) == text)
    #expect(secrets.unsealed(text, names: ["other"]) == "o")
  }

  @Test func whatSomebodyMadeUpStaysWhatItIs() {
    for forged in [
      "\u{F5E0}/token\u{F5E1}", "\u{F5E0}0123abce/token\u{F5E1}", "\u{F5E0}token\u{F5E1}", "\u{F5E0}\u{F5E1}",
      "\u{F5E1}\u{F5E0}", "\u{F5E0}0123abcd\u{F5E1}", "\u{F5E0}0123abcd/token", "%EF%97%A00123abce%2Ftoken%EF%97%A1",
    ] {
      #expect(secrets.unsealed(.string(forged), names: ["token"]) == .string(forged))
    }
    // Without a seal there is nothing to know.
    let open = Secrets(["token": "s3cret"], seal: "")
    #expect(open.unsealed(.string("\u{F5E0}/token\u{F5E1}"), names: ["token"]) == "\u{F5E0}/token\u{F5E1}")
    #expect(
      secrets.unsealed(.string("\u{F5E0}0123abcd/token/x\u{F5E1}"), names: ["token"]).string?.contains("s3cret")
        == false)
  }

  // MARK: What leaves the mediator

  private static let telling = """
    use: {secrets: [token]}
    schedule: {on: {one: {with: {type: go}}}}
    do:
      - say: {emit: {event: {with: {type: told, source: /s, data: {key: "${ $secrets.token }"}}}}}
      - ask: {call: oracle, with: {key: "${ $secrets.token }", forged: "${ $workflow.input[0].data.forged }"}}
    """

  @Test func theyAreUnsealedOnChannelsAlone() throws {
    let options = EngineOptions(secrets: secrets.sealed)
    var turns = Turns([try entry(1, Self.telling, options: options)])
    let forged = JSON.string(sealed(["other"])).text
    let (plan, batch) = turns.turn([event(value: "{\"forged\":\(forged)}")])
    let messages = encoder(turns.catalog, lifecycle: .all, secrets: secrets).messages(
      of: batch, instances: plan.instances)
    let channel = messages.filter { $0.record.topic == "mediator.channel.oracle" }
    #expect(channel.count == 1)
    let data = try JSON.parse(channel[0].record.value ?? [])
    #expect(data["key"] == "s3cret")
    #expect(data["forged"]?.string == sealed(["other"]))
    for message in messages where message.record.topic != "mediator.channel.oracle" {
      #expect(
        !String(decoding: message.record.value ?? [], as: UTF8.self).contains("s3cret"), "\(message.record.topic)")
    }
    #expect(messages.contains { $0.record.topic == Topics.queue })
    #expect(messages.contains { $0.record.topic == Topics.lifecycle })
    let stored = batch.journal.flatMap(\.entries).map(\.json.text) + batch.started.map { "\($0)" }
    for text in stored { #expect(!text.contains("s3cret")) }
  }
}
