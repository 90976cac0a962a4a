import HTTPCalls
import Processors
import TestSupport
import Testing
import Values
import Wire

/// The http processor on a real broker, a real Postgres and a real server.
struct HTTPTests {
  private func kind(_ allow: String...) throws -> ProcessorOptions.Kind {
    var options = HTTPCallOptions()
    options.rules = AddressRules(try allow.map { try #require(HostPattern($0)) })
    return .http(HTTPOptions(calls: options))
  }

  @Test func aCallIsMadeOnceForAllDeliveries() async throws {
    let (station, store) = (try await Station(), try await PetStore())
    let call: JSON = ["method": "post", "endpoint": .string("\(store.url)/v2/pet"), "body": ["name": "Rex"]]
    try await station.withProcessor(kind("127.0.0.1")) {
      try await station.send([
        station.event("a", call), station.event("a", call), station.event("a", call, attempt: 2),
      ])
      let replies = try await station.replies(atLeast: 3)
      #expect(Set(replies.map(\.kind)) == [.completed(["name": "Rex"])])
    }
    // And not again after a restart.
    try await station.withProcessor(kind("127.0.0.1")) {
      try await station.send([station.event("a", call, attempt: 3)])
      _ = try await station.replies(atLeast: 4)
    }
    #expect(store.requests.count == 1)
    #expect(store.requests.first?.header("idempotency-key") == "a")
    await store.stop()
  }

  @Test func openAPIAndFailures() async throws {
    let (station, store) = (try await Station(), try await PetStore())
    try await station.withProcessor(kind("127.0.0.1")) {
      let found = try await station.ask(
        "a",
        [
          "document": ["endpoint": .string(store.documentURL)], "operationId": "findPetsByStatus",
          "parameters": ["status": "available"],
        ])
      #expect(found.output?.array?.count == 2)
      let missing = try await station.ask(
        "b", ["method": "get", "endpoint": .string("\(store.url)/v2/pet/getPetByName/Milou")])
      #expect(missing.failure?.problem.status == 404)
      #expect(missing.failure?.retryable == false)
      let invalid = try await station.ask("c", ["method": "get"])
      #expect(invalid.failure?.problem.status == 400)
    }
    let remembered = try await station.count("select count(*)::int from processor_inbox")
    #expect(remembered == 2)
    await store.stop()
  }

  @Test func whatMayPassIsTriedAgainByTheMediator_andNothingPrivateIsReached() async throws {
    let (station, store) = (try await Station(), try await PetStore())
    let url = store.url
    try await station.withProcessor(kind()) {
      let refused = try await station.ask("a", ["method": "get", "endpoint": .string("\(url)/v2/pet/1")])
      #expect(refused.failure?.problem.type == "https://serverlessworkflow.io/spec/1.0.0/errors/authorization")
      #expect(refused.failure?.retryable == false)
      let away = try await station.ask("b", ["method": "get", "endpoint": "http://no-such-host.invalid/"])
      #expect(away.failure?.problem.status == 503)
      #expect(away.failure?.retryable == true)
    }
    #expect(store.requests.isEmpty)
    #expect(try await station.count("select count(*)::int from processor_inbox") == 1)
    await store.stop()
  }
}
