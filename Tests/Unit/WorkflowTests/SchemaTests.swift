import Testing
import Values

@testable import Workflow

/// Schemas of data: where they stand, and where a mistake in one is said to be.
struct SchemaTests {
  private static let full = """
    document: {dsl: '1.0.3', namespace: n, name: w, version: 1.0.0}
    input: {schema: {format: json, document: {type: object, required: [id]}}}
    output: {schema: {document: {type: array}}}
    do:
      - a:
          set: {x: 1}
          input: {schema: {format: 'json:2020-12', document: {type: string}}, from: .x}
          output: {schema: {document: true}}
          export: {schema: {document: {properties: {n: {minimum: 3}}}}}
      - b:
          listen: {to: {any: []}}
          foreach: {output: {schema: {document: {type: number}}}, export: {schema: {document: {type: number}}}}
    """

  @Test func everyStageCanHaveOne() throws {
    let definition = try parsed(Self.full)
    #expect(definition.input?.schema?.violations(of: ["id": 1]) == [])
    #expect(definition.input?.schema?.violations(of: [:]).count == 1)
    #expect(definition.output?.schema?.violations(of: [:]).first?.contains("array") == true)
    #expect(definition.input?.schema?.json == ["type": "object", "required": ["id"]])
    let task = definition.tasks[0]
    #expect(task.input?.schema?.violations(of: 1).count == 1 && task.input?.from != nil)
    #expect(task.output?.schema?.violations(of: 1) == [])
    #expect(task.export?.schema?.violations(of: ["n": 2]).count == 1 && task.export?.as == nil)
    guard case .listen(let listen) = definition.tasks[1].kind else { return note("no listen") }
    #expect(listen.iterator?.output?.schema?.violations(of: "x").count == 1)
    #expect(listen.iterator?.export?.schema?.violations(of: 2) == [])
  }

  /// A schema  ⇒  place and code, a part of the message, a part of the hint.
  private static let mistakes = #"""
    {document: {type: objekt}}  ⇒  8:29 invalidValue | objekt |
    {document: {properties: {a: {minimum: x}}}}  ⇒  8:46 invalidValue | minimum |
    {document: {allOf: [{type: string}, {pattern: '('}]}}  ⇒  8:54 invalidValue | pattern |
    {document: {$ref: '#/$defs/none'}}  ⇒  8:29 unresolved | none |
    {document: {$ref: 'https://s.example/other'}}  ⇒  8:29 unsupported | https://s.example/other |
    {document: {$schema: 'http://json-schema.org/draft-07/schema#'}}  ⇒  8:29 unsupported | 2020-12 |
    {document: text}  ⇒  8:28 invalidValue | |
    {resource: {endpoint: 'https://s.example/s'}}  ⇒  8:18 unsupported | not supported: schemas from an address | under 'document'
    {format: avro, document: {}}  ⇒  8:26 unsupported | not supported: schemas in the format 'avro' | json
    {}  ⇒  8:17 missingKey | needs one of: document, resource |
    {document: {}, resource: {endpoint: 'https://s.example'}}  ⇒  8:32 conflict | exclude one another |
    """#

  @Test(arguments: Table.rows(of: mistakes))
  func mistakesInSchemas(schema: String, expected: String) throws {
    let found = diagnose(workflow("- a: {set: {x: 1}}", more: "input: {schema: \(schema)}"))
    try expectOnlyError(found, expected)
  }

  @Test func aPlaceInADocument() throws {
    let text = workflow(
      "- a:\n    set: {x: 1}\n    export:\n      schema:\n        document:\n          $defs:\n            a/b: {type: [string, 7]}"
    )
    let found = diagnose(text)
    #expect(found.map(\.code) == [.invalidValue] && found[0].location.line == 13, "\(found.map(\.rendered))")
  }
}
