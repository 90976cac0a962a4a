import HTTP
import HTTPCalls
import Testing
import Values

@Suite struct AsyncAPITests {
  // MARK: Documents

  private static let two = """
    asyncapi: '2.6.0'
    defaultContentType: application/vnd.shop+json
    servers:
      test: {url: 'mqtt://test.example:1883', protocol: mqtt}
      production:
        url: 'kafka://{site}.example:{port}/ignored'
        protocol: kafka-secure
        variables:
          site: {default: north, enum: [north, south]}
          port: {default: '9093'}
      backup: {$ref: '#/components/servers/backup'}
    channels:
      orders.placed:
        publish: {operationId: placeOrder, message: {$ref: '#/components/messages/order'}}
        subscribe: {operationId: hearOrders}
      'lines.{line}.{kind}':
        servers: [backup]
        parameters:
          line: {location: '$message.payload#/where/line'}
          kind: {schema: {type: string, default: alarm, enum: [alarm, note]}, location: '$message.header#/kind'}
        publish: {operationId: tell, message: {oneOf: [{contentType: text/plain}, {}]}}
      /greetings/hello:
        bindings: {kafka: {topic: greetings}}
        publish: {operationId: greet}
      /no/topic: {publish: {operationId: lost}}
      heard: {subscribe: {operationId: hear}}
    components:
      servers: {backup: {url: 'b1.example:9092,b2.example:9092', protocol: kafka}}
      messages:
        order: {correlationId: {location: '$message.header#/order-id'}}
    """

  private static let three = """
    asyncapi: 3.0.0
    servers:
      events: {host: 'kafka-{zone}.example:9092', pathname: /x, protocol: kafka, variables: {zone: {default: a}}}
      sockets: {host: 'ws.example', protocol: ws}
    channels:
      orders:
        address: orders.{region}
        parameters: {region: {default: eu, enum: [eu, us]}}
        servers: [{$ref: '#/servers/sockets'}, {$ref: '#/servers/events'}]
        messages: {order: {$ref: '#/components/messages/order'}, cancel: {contentType: text/plain}}
      bodyless: {address: null}
      remote: {address: r, servers: [{$ref: '#/servers/sockets'}]}
    operations:
      placeOrder: {action: send, channel: {$ref: '#/channels/orders'}}
      cancelOrder:
        action: send
        channel: {$ref: '#/channels/orders'}
        messages: [{$ref: '#/channels/orders/messages/cancel'}]
      hearOrders: {action: receive, channel: {$ref: '#/channels/orders'}}
      shout: {action: send, channel: {$ref: '#/channels/remote'}}
      nowhere: {action: send, channel: {$ref: '#/channels/bodyless'}}
    components:
      messages:
        order: {correlationId: {location: '$message.payload#/id'}}
    """

  private func resolve(_ text: String, _ with: JSONObject) throws(HTTPCallError) -> AsyncAPIPublication {
    var with = with
    with["document"] = ["endpoint": "https://docs.example.com/a.yaml"]
    if with["message"] == nil { with["message"] = ["payload": ["n": 1]] }
    let call = try AsyncAPICall(.object(with))
    return try AsyncAPIResolver.resolve(call, in: AsyncAPIDocument(Array(text.utf8), url: call.document))
  }

  private func header(_ name: String, _ publication: AsyncAPIPublication) -> String? {
    publication.headers.first { $0.name == name }?.value
  }

  // MARK: AsyncAPI 2

  @Test(arguments: [["operation": "placeOrder"], ["channel": "orders.placed"]] as [JSONObject])
  func publishIsWhatSends(_ target: JSONObject) throws {
    let found = try resolve(Self.two, target)
    #expect(found.topic == "orders.placed")
    #expect(found.server == AsyncAPIServer(name: "production", host: "north.example:9093"))
    #expect(found.value == Array("{\"n\":1}".utf8))
    #expect(found.headers == [HTTPHeader("content-type", "application/vnd.shop+json")])
  }

  @Test func theServerThatIsNamed() throws {
    let variables: JSON = ["name": "production", "variables": ["site": "south", "port": 1]]
    let south = try resolve(Self.two, ["operation": "placeOrder", "server": variables, "protocol": "mqtt"])
    #expect(south.server.host == "south.example:1")
    let backup = try resolve(Self.two, ["operation": "placeOrder", "server": ["name": "backup"]])
    #expect(backup.server.host == "b1.example:9092,b2.example:9092")
  }

  @Test func parametersComeFromTheMessage() throws {
    let message: JSON = ["payload": ["where": ["line": 7]], "headers": ["kind": "note", "n": 1, "o": ["a": 1]]]
    #expect(throws: HTTPCallError.self) { try resolve(Self.two, ["operation": "tell", "message": message]) }
    let text: JSON = [
      "payload": ["where": ["line": 7]],
      "headers": ["kind": "note", "n": 1, "o": ["a": 1], "none": nil, "content-type": "application/json"],
    ]
    let found = try resolve(Self.two, ["operation": "tell", "message": text])
    #expect(found.topic == "lines.7.note")
    #expect(found.server.name == "backup")
    #expect(header("n", found) == "1")
    #expect(header("o", found) == "{\"a\":1}")
    #expect(header("none", found) == nil)
  }

  @Test func bindingsNameTheTopic() throws {
    #expect(try resolve(Self.two, ["channel": "/greetings/hello"]).topic == "greetings")
  }

  @Test func theCorrelationID() throws {
    let message: JSON = ["payload": [:], "correlationId": "c-1"]
    #expect(header("order-id", try resolve(Self.two, ["operation": "placeOrder", "message": message])) == "c-1")
    #expect(header("correlationId", try resolve(Self.two, ["operation": "greet", "message": message])) == "c-1")
  }

  @Test func withoutAPayload() throws {
    let found = try resolve(Self.two, ["operation": "greet", "message": ["headers": ["a": "b"]]])
    #expect(found.value == nil)
    #expect(found.headers == [HTTPHeader("a", "b")])
  }

  // MARK: AsyncAPI 3

  @Test func sendIsWhatSends() throws {
    let found = try resolve(Self.three, ["operation": "placeOrder"])
    #expect(found.topic == "orders.eu")
    #expect(found.server == AsyncAPIServer(name: "events", host: "kafka-a.example:9092"))
    #expect(header("content-type", found) == "application/json")
    #expect(try resolve(Self.three, ["channel": "orders", "protocol": "kafka"]) == found)
  }

  @Test func theOperationsOwnMessage() throws {
    let refused = #expect(throws: HTTPCallError.self) { try resolve(Self.three, ["operation": "cancelOrder"]) }
    #expect(refused?.detail == "with.message.payload must be a text for the content type text/plain")
    let found = try resolve(Self.three, ["operation": "cancelOrder", "message": ["payload": "now"]])
    #expect(found.value == Array("now".utf8))
  }

  // MARK: Mistakes

  private static let mistakesCases: [(Bool, JSONObject, String, String)] = [
    (false, ["operation": "placeOder"], "configuration", "no operation 'placeOder'; did you mean 'placeOrder'?"),
    (false, ["operation": "hearOrders"], "configuration", "receives; a 'publish' sends"),
    (false, ["channel": "order.placed"], "configuration", "no channel 'order.placed'; did you mean 'orders.placed'?"),
    (false, ["channel": "heard"], "configuration", "has no 'publish'"),
    (false, ["operation": "lost"], "configuration", "'/no/topic', which is no name of a Kafka topic"),
    (
      false, ["operation": "tell", "message": ["payload": [:], "headers": ["content-type": "application/json"]]],
      "validation",
      "nothing at '$message.payload#/where/line'"
    ),
    (
      false,
      [
        "operation": "tell",
        "message": ["payload": ["where": ["line": 1]], "headers": ["kind": "x", "content-type": "application/json"]],
      ], "validation", "'kind' is 'x'; known are alarm, note"
    ),
    (
      false,
      [
        "operation": "tell",
        "message": ["payload": ["where": ["line": "a/b"]], "headers": ["content-type": "application/json"]],
      ], "configuration", "no name of a Kafka topic"
    ),
    (
      false, ["operation": "tell", "server": ["name": "production"]], "configuration",
      "not on the server 'production', but on backup"
    ),
    (
      false, ["operation": "greet", "server": ["name": "prodution"]], "configuration",
      "no server 'prodution'; did you mean 'production'?"
    ),
    (false, ["operation": "greet", "server": ["name": "test"]], "configuration", "has the protocol 'mqtt'"),
    (
      false, ["operation": "greet", "server": ["name": "production", "variables": ["sit": "x"]]], "validation",
      "no variable 'sit'; did you mean 'site'?"
    ),
    (
      false, ["operation": "greet", "server": ["name": "production", "variables": ["site": "evil.com/"]]], "validation",
      "known are north, south"
    ),
    (false, ["operation": "greet", "protocol": "mqtt"], "configuration", "only kafka is spoken here"),
    (false, ["operation": "greet", "authentication": ["bearer": ["token": "t"]]], "configuration", "servers"),
    (false, ["operation": "greet", "channel": "x"], "validation", "exactly one of operation and channel"),
    (false, ["operaton": "greet"], "validation", "'operaton'; did you mean 'operation'?"),
    (false, ["operation": "greet", "subscription": [:]], "validation", "no member 'subscription'"),
    (true, ["operation": "hearOrders"], "configuration", "has the action 'receive'; one with 'send' sends"),
    (true, ["operation": "PlaceOrdr"], "configuration", "did you mean 'placeOrder'?"),
    (
      true, ["operation": "shout"], "configuration",
      "no server with the protocol kafka for 'remote'; there is 'sockets' (ws)"
    ),
    (true, ["operation": "nowhere"], "configuration", "neither an address nor bindings.kafka.topic"),
    (
      true, ["operation": "placeOrder", "message": ["correlationId": "c"]], "configuration",
      "the correlation id at '$message.payload#/id'"
    ),
  ]

  @Test(arguments: mistakesCases) func mistakes(_ isThree: Bool, _ with: JSONObject, _ code: String, _ detail: String) {
    let error = #expect(throws: HTTPCallError.self) { try resolve(isThree ? Self.three : Self.two, with) }
    #expect(error?.code.rawValue == code)
    #expect(error?.detail.contains(detail) == true, "\(error?.detail ?? "")")
    #expect(error?.retryable == false)
  }

  private static let unreadableCases = ["asyncapi: '1.2.0'", "openapi: 3.0.0", "{", "[]", "a: [", ""]

  @Test(arguments: unreadableCases) func documentsThatAreNone(_ text: String) {
    let error = #expect(throws: HTTPCallError.self) { try resolve(text, ["operation": "greet"]) }
    #expect(error?.code == .configuration)
    #expect(error?.detail.hasPrefix("the document at https://docs.example.com") == true, "\(error?.detail ?? "")")
  }

  // MARK: Fetching

  private func call() throws -> AsyncAPICall {
    try AsyncAPICall([
      "document": [
        "endpoint": ["uri": "https://docs.example.com/a.yaml", "authentication": ["bearer": ["token": "t"]]]
      ],
      "operation": "placeOrder", "message": ["payload": [:]],
    ])
  }

  @Test func aDocumentIsKept() async throws {
    let (network, time) = (Network { _ in .text(Self.three) }, TestTime())
    let reader = AsyncAPIReader(transport: network, options: HTTPCallOptions()) { time.now }
    for _ in 0..<3 { _ = try await reader.publication(try call()) }
    #expect(network.requests.count == 1)
    #expect(network.requests.first?.header("authorization") == "Bearer t")
    time.advance(.seconds(301))
    _ = try await reader.publication(try call())
    #expect(network.requests.count == 2)
  }

  @Test func aDocumentThatCannotBeFetched() async throws {
    // Its deadline is not what this is about, and time passes when a thousand tests share two cores.
    let (network, time) = (Network { _ in .text("gone", status: 404) }, TestTime())
    var options = HTTPCallOptions()
    let reader = AsyncAPIReader(transport: network, options: options) { time.now }
    let error = await #expect(throws: HTTPCallError.self) { try await reader.publication(try call()) }
    #expect(error?.status == 404)
    options.allowSetting = "processors.asyncapi.allow"
    options.rules = AddressRules([try #require(HostPattern("other.example"))])
    let closed = AsyncAPIReader(transport: network, options: options) { time.now }
    let refused = await #expect(throws: HTTPCallError.self) { try await closed.publication(try call()) }
    #expect(refused?.code == .authorization)
    #expect(refused?.detail.contains("see processors.asyncapi.allow") == true)
  }
}
