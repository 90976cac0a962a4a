import Kafka
import Postgres
import TestSupport
import Testing
import Values

/// `call: http` and `call: openapi` through the programs, with secrets that only the called server may see.
@Suite(.serialized) struct CallTests {
  /// Nothing else in the cluster contains these by chance.
  private static let token = "tok3n-of-the-kennel"
  private static let password = "passw0rd-of-the-clerk"
  private static let echoed = "ech0ed-by-the-mirror"

  @Test(.timeLimit(.minutes(3))) func callsCarrySecretsThatNothingElseShows() async throws {
    let store = try await PetStore()
    let mirror = try await LoopbackHTTPServer { request in
      // A server that gives away what it was told, in an answer or in an error.
      let status = request.path == "/refused" ? 422 : 200
      let told: JSON = ["told": .string(request.header("x-key") ?? "nothing")]
      return .text(status, told.text, headers: [("Content-Type", "application/json")])
    }
    let cluster = try await Cluster(lifecycle: "all")
    let secrets = try cluster.write(
      "token: \(Self.token)\nclerk: {name: clerk, password: \(Self.password)}\nechoed: \(Self.echoed)\n",
      to: "secrets.yaml")
    let config = try cluster.write("mediator: {secrets: \(secrets)}\n", to: "config.yaml")
    for (name, text) in [("calls", Self.calls), ("refused", Self.refused)] {
      let definition = text.replacing("PETS", with: store.url).replacing("MIRROR", with: mirror.url)
      try await cluster.run("mediatorctl", "deploy", try cluster.write(definition, to: "\(name).yaml"))
    }
    let services = [
      try cluster.start("mediator", "--config", config, "--log-level", "trace"),
      try cluster.start(
        "processor", "http", "--allow", "127.0.0.1:\(store.port)", "--allow", "127.0.0.1:\(mirror.port)",
        "--log-level", "trace"),
    ]
    try await cluster.waitForMediator()
    try await cluster.send([
      SentEvent("pet.wanted", "wanted-1", ["number": 3]), SentEvent("pet.refused", "refused-1", [:]),
    ])
    try await cluster.waitForInstances(2, within: .seconds(60))

    try await verifyOutcomes(cluster)
    verifyCredentials(store)
    let shown = try await cluster.run("mediatorctl", "instances", "list", "--output", "json")
    try await verifySecrecy(cluster, services, shown)
    for service in services { #expect(try await service.stop() == 0, "\(service.log.suffix(2000))") }
    await cluster.remove()
    await store.stop()
    await mirror.stop()
  }

  private func verifyOutcomes(_ cluster: Cluster) async throws {
    let rows = try await cluster.query(
      "select event_id, status, output::text as output, error::text as error from instances order by event_id")
    #expect(rows.count == 2)
    for row in rows {
      let output = try row.optionalText("output").map { try JSON.parse($0) }
      let error = try row.optionalText("error").map { try JSON.parse($0) }
      if try row.text("event_id") == "wanted-1" {
        #expect(try row.text("status") == "completed", "\(error?.text ?? "")")
        #expect(output?["available"] == ["Milou", "Snowy"])
        #expect(output?["byPassword"] == "Snowy")
        #expect(output?["byDocument"] == ["name": "Struppi", "status": 200])
        #expect(output?["trouble"]?["status"] == 404)
        #expect(output?["trouble"]?["instance"] == "/do/3/attempt/try/0/missing")
        #expect(output?["told"] != nil)
      } else {
        #expect(try row.text("status") == "faulted")
        #expect(error?["status"] == 422)
        #expect(error?["instance"] == "/do/0/refused")
      }
    }
  }

  /// The server was told the secrets, and each where it belongs.
  private func verifyCredentials(_ store: PetStore) {
    func authorization(_ path: String) -> [String?] {
      store.requests.filter { $0.path == path }.map { $0.header("authorization") }
    }
    #expect(authorization("/v2/pet/findByStatus") == ["Bearer \(Self.token)"])
    #expect(authorization("/v2/pet/3") == ["Basic \(Base64.encode(Array("clerk:\(Self.password)".utf8)))"])
    #expect(authorization("/v2/swagger.json") == [nil])
    #expect(authorization("/v2/pet/2") == [nil])
    #expect(authorization("/v2/pet/99") == [nil])
  }

  private func verifySecrecy(_ cluster: Cluster, _ services: [ServiceProcess], _ shown: String) async throws {
    let basic = Base64.encode(Array("clerk:\(Self.password)".utf8))
    let tables = try await cluster.query(
      "select table_name::text as name from information_schema.tables where table_schema = 'public'"
    ).map { try $0.text("name") }
    #expect(Set(["journal", "instances", "dead_letters", "events", "processor_inbox"]).subtracting(tables) == [])
    for table in tables {
      for secret in [Self.token, Self.password, basic, Self.echoed] {
        // The processor's own row has the answer as the server gave it.
        if secret == Self.echoed && table == "processor_inbox" { continue }
        // Bytes show as hexadecimal digits.
        let hex = secret.utf8.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        let found = try await cluster.count(
          "select count(*) from \"\(table)\" as t where t::text like '%\(secret)%' or t::text like '%\(hex)%'")
        #expect(found == 0, "\(table) has \(secret)")
      }
    }
    let lifecycle = try await cluster.scan("mediator.lifecycle").map { String(decoding: $0.value ?? [], as: UTF8.self) }
    #expect(lifecycle.contains { $0.contains("Struppi") })
    for secret in [Self.token, Self.password, basic, Self.echoed] {
      for text in lifecycle + [shown] + services.flatMap({ [$0.log, $0.output] }) {
        #expect(!text.contains(secret), "\(text.suffix(2000))")
      }
    }
  }

  private static let calls = """
    document: {dsl: 1.0.3, namespace: tests, name: calls, version: 1.0.0}
    schedule: {on: {one: {with: {type: pet.wanted}}}}
    use: {secrets: [token, clerk, echoed]}
    input: {from: "$workflow.input[0].data"}
    do:
      - byToken:
          call: http
          with:
            method: get
            endpoint:
              uri: PETS/v2/pet/findByStatus?status=available
              authentication: {bearer: {token: "${ $secrets.token }"}}
          output: {as: "$input + {available: [.[].name]}"}
      - byPassword:
          call: http
          with:
            method: get
            endpoint:
              uri: PETS/v2/pet/{number}
              authentication: {basic: {username: "${ $secrets.clerk.name }", password: "${ $secrets.clerk.password }"}}
          output: {as: "$input + {byPassword: .name}"}
      - byDocument:
          call: openapi
          with:
            document: {endpoint: PETS/v2/swagger.json}
            operationId: getPetById
            parameters: {petId: 2}
            output: response
          output: {as: "$input + {byDocument: {name: .content.name, status: .statusCode}}"}
      - attempt:
          try:
            - missing:
                call: http
                with: {method: get, endpoint: PETS/v2/pet/99}
          catch:
            errors: {with: {type: https://serverlessworkflow.io/dsl/errors/types/communication, status: 404}}
            as: trouble
            do:
              - note: {set: "${ $input + {trouble: $trouble} }"}
      - reflect:
          call: http
          with: {method: get, endpoint: MIRROR/answer, headers: {X-Key: "${ $secrets.echoed }"}}
          output: {as: "$input + {told: .told}"}
    """

  private static let refused = """
    document: {dsl: 1.0.3, namespace: tests, name: refused, version: 1.0.0}
    schedule: {on: {one: {with: {type: pet.refused}}}}
    use: {secrets: [echoed]}
    do:
      - refused:
          call: http
          with: {method: get, endpoint: MIRROR/refused, headers: {X-Key: "${ $secrets.echoed }"}}
    """
}
