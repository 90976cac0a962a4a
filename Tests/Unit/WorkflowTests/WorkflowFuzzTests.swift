import Testing
import Values

@testable import Workflow

/// Nothing that anyone can write stops the process, hangs it, or gets out of the wrapper around an expression.
struct WorkflowFuzzTests {
  private static let pieces = [
    "(", ")", "[", "]", "{", "}", "|", ",", ";", ":", ".", "..", "?", "//", "=", "|=", "+", "-", "*", "/", "==", "<",
    "and", "or", "not", "if", "then", "elif", "else", "end", "as", "def", "reduce", "foreach", "try", "catch", "label",
    "break", "$x", "$context", "$ENV", "$__loc__", "env", "input", "debug", "f", "x", ".a", ".a[0]", "\"", "\\(",
    "\"a\"", "\"\\(.a)\"", "#", "\n", "1", "2.5", "null", "@json", "@base64", "map(", "select(", "error", "empty", " ",
    "\u{0}", "é", "'", "!", "\\", "import", "include", "s_deep", "u_f", "$v_0", "range(3)", "first(", "?//",
  ]

  @Test(arguments: 0..<8)
  func piecesOfExpressions(seed: Int) {
    var random = Seeded(seed)
    var (tried, accepted) = (0, 0)
    for _ in 0..<2_000 {
      tried += 1
      let count = Int.random(in: 1...12, using: &random)
      let source = (0..<count).map { _ in random.pick(Self.pieces) }.joined(separator: random.pick([" ", ""]))
      guard let expression = try? Expression(source, variables: ["context"]) else { continue }
      // Compiling takes its time; some of each seed are enough.
      accepted += 1
      if accepted > 8 { continue }
      do throws(ExpressionError) {
        let value = try expression.evaluate(["a": [1, "b"]]) { _ in ["c": 1] }
        #expect(!value.text.contains("PATH"), "\(source)")
      } catch {
        // What was accepted is jq: the printed program must compile.
        #expect(error.code != .syntax, "\(source): \(error)")
      }
    }
    print("fuzz: \(tried) expressions (seed \(seed)), \(accepted) of them accepted")
  }

  private static let sample = """
    document: {dsl: '1.0.3', namespace: n, name: w, version: 1.0.0}
    schedule: {on: {one: {with: {type: t, data: '${ .x > 1 }'}}}}
    do:
      - a: {set: {x: '${ .y | length }'}, if: .y, then: c}
      - b: {call: channel, with: {z: ["${ $input.q }", 1]}, timeout: {after: PT1S}}
      - c:
          switch:
            - d: {when: .e == "f", then: b}
            - g: {then: end}
    """

  /// Every kind of task, and everything under `use`.
  private static let everything = """
    document: {dsl: '1.0.3', namespace: n, name: w, version: 1.0.0, metadata: {orderKey: .data.k, timeZone: UTC}}
    schedule: {every: PT1H, cron: '0 0 * * 1-5', on: {any: [{with: {type: '^t'}, correlate: {k: {from: .k}}}]}}
    use:
      secrets: [s]
      authentications: {a: {oauth2: {authority: 'https://k/{t}', grant: client_credentials, client: {id: c}}}}
      errors: {e: {type: 'https://e/x', status: 409, title: '${ .t }'}}
      retries: {r: {delay: PT1S, backoff: {exponential: {}}, limit: {attempt: {count: 3}}, jitter: {from: PT0S, to: PT1S}}}
      timeouts: {t: {after: PT5S}}
      functions: {f: {for: {each: i, in: .x}, while: $i.y, do: [{g: {set: '${ [$i, $index] }'}}]}, g: {call: f}}
      extensions: [{l: {extend: all, when: $task.call == "x", before: [{m: {call: g, then: exit}}]}}]
    timeout: t
    do:
      - a: {call: http, with: {method: get, endpoint: {uri: 'https://h/{id}', authentication: {use: a}}, query: '${ .q }'}}
      - b: {fork: {compete: true, branches: [{x: {wait: {seconds: 1}}}, {y: {raise: {error: e}}}]}}
      - c: {try: [{x: {call: f, with: {k: '${ $secrets.s.t }'}}}], catch: {errors: {with: {status: 409}}, as: err, retry: r, do: [{z: {set: {e: '${ $err }'}}}]}}
      - d: {listen: {to: {any: [], until: '(. | length) > 3'}, read: raw}, foreach: {item: e, do: [{x: {set: '${ $e }'}}]}}
      - e: {emit: {event: {with: {type: t, data: {x: '${ .x }'}}}}, metadata: {compensation: {use: g, with: {x: '${ $output }'}}}}
      - f: {run: {await: false, workflow: {namespace: n, name: w, version: latest, input: {x: '${ . }'}}}, timeout: t}
      - g: {call: openapi, with: {document: {endpoint: 'https://h/d'}, operationId: o}, then: a}
    """

  @Test func theSamplesAreDefinitions() throws {
    #expect(try parsed(Self.everything).channels == ["http"])
    #expect(try parsed(Self.sample).channels == ["channel"])
  }

  @Test(arguments: 0..<16)
  func damagedDefinitions(seed: Int) {
    var random = Seeded(seed)
    var (tried, accepted) = (0, 0)
    for _ in 0..<150 {
      tried += 1
      var characters = Array(seed < 8 ? Self.sample : Self.everything)
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let place = Int.random(in: 0..<characters.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: characters.remove(at: place)
        case 1: characters.insert(contentsOf: random.pick(Self.pieces), at: place)
        case 2: characters.swapAt(place, Int.random(in: 0..<characters.count, using: &random))
        default: characters.removeSubrange(place..<min(place + 10, characters.count))
        }
      }
      let result = WorkflowParser.parse(String(characters), file: "fuzz.yaml")
      #expect((result.definition == nil) == !result.errors.isEmpty)
      if result.definition != nil { accepted += 1 }
      for diagnostic in result.diagnostics { _ = diagnostic.rendered }
    }
    print("fuzz: \(tried) definitions (seed \(seed)), \(accepted) of them accepted")
  }

  /// What has a definition survives the way through JSON.
  @Test func theSampleItself() throws {
    for sample in [Self.sample, Self.everything] {
      let text = try parsed(sample).json.text
      #expect(try parsed(text).json == parsed(sample).json)
    }
  }
}
