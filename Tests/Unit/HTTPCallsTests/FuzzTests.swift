import HTTP
import HTTPCalls
import Testing
import Values

/// Whatever a workflow or a document says, the answer is a call or a failure with its kind, and never a crash.
@Suite struct FuzzTests {
  private static let http: JSON = [
    "method": "post",
    "endpoint": [
      "uri": "https://a.org/x?y=1#z",
      "authentication": [
        "oauth2": [
          "authority": "https://id.org/", "grant": "password", "username": "u", "password": "p",
          "client": ["id": "i", "secret": "s"], "scopes": ["a"],
        ]
      ],
    ],
    "headers": ["X-A": 1, "Content-Type": "application/x-www-form-urlencoded"], "query": ["a": [1, nil]],
    "body": ["b": "c"], "output": "response", "redirect": true,
  ]

  @Test(arguments: 0..<20)
  func callsOfAnyShape(_ seed: UInt64) async {
    var generator = Mutations(seed: seed)
    for _ in 0..<300 {
      let data = generator.mutated(Self.http)
      let network = Network { request in
        request.url.hasPrefix("https://id.") ? .json(["access_token": "t"]) : .json(["ok": true])
      }
      let outcome = await caller(network).perform(data, idempotencyKey: "k")
      guard let problem = outcome.problem else { continue }
      #expect(["validation", "configuration"].contains(outcome.kind), "\(data) \(problem)")
    }
  }

  @Test(arguments: 0..<20)
  func documentsOfAnyShape(_ seed: UInt64) throws {
    var generator = Mutations(seed: seed)
    let operations =
      [
        (Documents.swagger, "lists", ["csv": ["a"], "X-Ids": 1]), (Documents.swagger, "addPet", ["name": "a"]),
        (Documents.swagger, "renamePet", ["petId": 1, "name": "a"]),
        (Documents.openAPI, "getThing", ["id": ["a"], "tag": ["b": 1], "filter": ["c": 1], "json": [1]]),
        (Documents.openAPI, "addThing", ["a": 1]), (Documents.openAPI, "comment", ["body": "a"]),
      ] as [(JSON, String, JSONObject)]
    for _ in 0..<100 {
      for (document, operation, parameters) in operations {
        do {
          let given = generator.mutated(.object(parameters)).object ?? [:]
          _ = try Documents.resolve(generator.mutated(document), operation, given)
        } catch let error as HTTPCallError {
          #expect([.validation, .configuration].contains(error.code))
        }
      }
    }
  }
}

/// Changes a value here and there, the same for the same seed.
private struct Mutations {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

  /// splitmix64
  private mutating func next(_ count: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return Int((value ^ (value >> 31)) % UInt64(count))
  }

  private static let values: [JSON] = [
    nil, true, 0, -1, 1.5, "", "x", "..", "\r\n", "\u{0}", "é/{a}?&=#%zz", "https://[::1", "http://u:p@h/", "#/paths",
    [], [nil, "a", [1]], [:], ["": nil, "k": ["n": 1]], ["$ref": "#"], ["$ref": "#/components/schemas/Comment"],
  ]

  mutating func mutated(_ value: JSON) -> JSON {
    if next(24) == 0 { return Self.values[next(Self.values.count)] }
    switch value {
    case .array(let elements): return .array(elements.map { mutated($0) })
    case .object(let members):
      var result = JSONObject()
      for (name, value) in members where next(40) > 0 {
        result[next(60) == 0 ? "\(name)x" : name] = mutated(value)
      }
      return .object(result)
    default: return value
    }
  }
}
