import Testing
import Values

@testable import Workflow

/// Small definitions with every construct of the standard's own examples, its reference and its conformance kit, and of
/// the definitions that its tests want refused.
struct StandardConstructTests {
  /// What it shows  ⇒  what stands in the file from `do` on (`⏎` is a line end).
  private static let accepted = #"""
    a correlated pair of events  ⇒  - a: {listen: {to: {all: [{with: {source: 'https://h.example/s', type: t}, correlate: {room: {from: .room}}}, {with: {type: u}, correlate: {room: {from: .room}}}]}}, output: {as: .data}}⏎- b: {for: {each: r, in: .rs}, do: [{c: {call: openapi, with: {document: {endpoint: 'http://h.example/o.json'}, operationId: o}}}]}⏎timeout: {after: {hours: 1}}
    a bearer token from the data  ⇒  - a: {call: http, with: {method: get, endpoint: {uri: 'https://h.example/p/{id}', authentication: {bearer: {token: '${ .token }'}}}}}
    OAuth2 from a secret  ⇒  - a: {call: http, with: {method: get, endpoint: {uri: 'https://h.example/p/{id}', authentication: {oauth2: {use: s}}}}}⏎use: {secrets: [s]}
    OAuth2 with endpoints  ⇒  - a: {call: http, with: {method: get, endpoint: {uri: 'https://h.example', authentication: {oauth2: {authority: 'http://k/r', endpoints: {token: /a/t, introspection: /a/i}, grant: client_credentials, client: {id: i, secret: s}}}}}}
    OpenID Connect  ⇒  - a: {call: http, with: {method: get, endpoint: {uri: 'https://h.example', authentication: {oidc: {authority: 'http://k/r', grant: client_credentials, client: {id: i, secret: s}, scopes: [a], audiences: [b]}}}}}
    an authentication by name  ⇒  - a: {call: http, with: {method: get, endpoint: {uri: 'https://h.example', authentication: {use: mine}}}}⏎use: {authentications: {mine: {bearer: {token: '${ .token }'}}}}
    publishing by AsyncAPI  ⇒  - a: {call: asyncapi, with: {document: {endpoint: 'https://h.example/a.json'}, operation: o, server: {name: s}, message: {payload: {id: '${ .id }'}}, authentication: {bearer: {token: '${ .t }'}}}}
    a function of the file  ⇒  - a: {call: get, with: {id: 69}}⏎use: {functions: {get: {call: http, with: {method: get, endpoint: 'https://h.example/p/{id}'}}}}
    an endpoint by jq  ⇒  - a: {call: http, with: {headers: {content-type: application/json}, method: get, endpoint: '${ "https://h.example/p/\(.id)" }'}}
    headers and query by jq  ⇒  - a: {set: {query: {search: '${.q}'}, headers: {Accept: application/json}}}⏎- b: {call: http, with: {method: get, endpoint: 'https://h.example/', headers: '${.headers}', query: '${.query}'}}
    redirects  ⇒  - a: {call: http, with: {method: get, endpoint: 'https://h.example/', query: {s: '${.q}'}, redirect: true}}
    an incomplete address  ⇒  - a: {try: [{b: {call: http, with: {method: get, endpoint: 'https://'}}}], catch: {errors: {with: {type: 'https://serverlessworkflow.io.io/dsl/errors/types/communication', status: 503}}, as: error, retry: {delay: {seconds: 3}, backoff: {exponential: {}}, limit: {attempt: {count: 5}}}}}
    OpenAPI with redirects  ⇒  - a: {call: openapi, with: {document: {endpoint: 'https://h.example/s.json'}, operationId: o, parameters: {status: available}, redirect: true}}
    a raised error that ends the workflow  ⇒  - a: {if: .age < 18, raise: {error: {type: 'https://h.example/e', status: 400, title: No}}, then: end}⏎- b: {call: http, with: {method: post, endpoint: 'https://h.example', body: {c: .c}}}
    a body by jq  ⇒  - a: {call: http, with: {method: put, endpoint: 'https://h.example/{id}', body: '${ . + { status: "sold" } }'}}
    an event with a list  ⇒  - a: {emit: {event: {with: {source: 'https://h.example', type: t, data: {c: {n: N}, i: [{b: d, q: 101}]}}}}}
    a loop with a condition  ⇒  - a: {for: {each: pet, in: .pets, at: index}, while: .vet != null, do: [{b: {listen: {to: {one: {with: {type: t}}}}, output: {as: '.pets + [{ "id": $pet.id }]'}}}]}
    a race  ⇒  - a: {fork: {compete: true, branches: [{b: {call: http, with: {method: put, endpoint: 'https://h.example', body: {p: '${ .p }'}}}}, {c: {set: {colors: '${ .colors + ["red"] }'}}}]}}
    all events, whole  ⇒  - a: {listen: {to: {all: [{with: {type: t, data: '${ .t > 38 }'}}, {with: {type: u, data: '${ .b < 60 or .b > 100 }'}}]}, read: envelope}}
    any event, one by one, for good  ⇒  - a: {listen: {to: {any: [], until: '${ false }'}}, foreach: {item: event, at: i, do: [{b: {call: http, with: {method: post, endpoint: 'https://h.example/{r}', body: {e: '${ $event }'}}}}]}}
    any event, until there are enough  ⇒  - a: {listen: {to: {any: [], until: ( . | length ) > 3}}}
    any of two events, until a third  ⇒  - a: {listen: {to: {any: [{with: {type: t, data: '${ .t > 38 }'}}, {with: {type: u}}], until: {one: {with: {type: z}}}}}}
    a mocked call  ⇒  - a: {call: http, with: {method: get, endpoint: {uri: 'https://h.example'}}}⏎use: {extensions: [{m: {extend: call, when: '($task.with.endpoint != null and ($task.with.endpoint | startswith("https://m"))) or ($task.with.endpoint.uri != null)', before: [{r: {set: {statusCode: 200, content: {a: b}}, then: exit}}]}}]}
    a mocked call by the old key  ⇒  - a: {call: x}⏎use: {extensions: [{m: {extend: call, when: '$task.call == "http" and $task.with.uri != null', before: [{r: {set: {a: 1}, then: exit}}]}}]}
    logging of everything  ⇒  - a: {call: x}⏎use: {extensions: [{l: {extend: all, before: [{s: {call: http, with: {method: post, endpoint: 'https://h.example', body: {m: "${ \"at '\\($task.reference)'...\" }"}}}}], after: [{s: {call: y}}]}}]}
    an error that says what the workflow is  ⇒  - a: {raise: {error: {type: 'https://h.example/e', status: 500, title: T, detail: '${ "\( $workflow.definition.document.name ):\( $workflow.definition.document.version )" }'}}}
    an error by name  ⇒  - a: {raise: {error: e}}⏎use: {errors: {e: {type: 'https://h.example/e', status: 500, title: T, detail: '${ $workflow.id }'}}}
    another workflow  ⇒  - a: {run: {workflow: {namespace: t, name: r, version: '0.1.0', input: {c: .user}}}}
    every day at midnight  ⇒  - a: {call: x}⏎schedule: {cron: 0 0 * * *}
    started by an event  ⇒  - a: {set: '${ $workflow.input[0] }'}⏎schedule: {on: {one: {with: {type: t}}}}
    data of the starting event  ⇒  - a: {set: {p: '${ $workflow.input[0].data.p.id }', m: "Alert: p's rate"}}⏎schedule: {on: {one: {with: {type: t}}}}
    exports  ⇒  - a: {call: http, with: {method: get, endpoint: 'https://h.example/{id}', output: response}, export: {as: {h: '${ .content.h }'}}}⏎- b: {call: http, with: {method: get, endpoint: '${ $context.h }'}}
    a switch  ⇒  - a: {switch: [{c: {when: .t == "e", then: b}}, {d: {when: .t == "p", then: b}}, {default: {then: b}}]}⏎- b: {set: {v: true}, then: exit}
    a policy by name  ⇒  - a: {try: [{b: {call: x}}], catch: {errors: {with: {type: 'https://serverlessworkflow.io/spec/1.0.0/errors/communication', status: 503}}, retry: default}}⏎use: {retries: {default: {delay: {seconds: 3}, backoff: {exponential: {}}, limit: {attempt: {count: 5}}}}}
    what is done about an error  ⇒  - a: {try: [{b: {call: x}}], catch: {errors: {with: {status: 404}}, as: error, do: [{n: {emit: {event: {with: {source: 'https://h.example', type: t, data: '${ $error }'}}}}}, {s: {set: {error: $error}, export: {as: '$context + { error: $error }'}}}]}}⏎- c: {if: $context.error == null, call: x}
    an error by a name of its own  ⇒  - a: {try: [{b: {call: x}}], catch: {errors: {with: {type: 'https://serverlessworkflow.io/dsl/errors/types/communication', status: 404}}, as: err, do: [{s: {set: {error: '${ $err }'}}}]}}
    a try without a list  ⇒  - a: {try: {call: x}, catch: {errors: {with: {status: 503}}, retry: {delay: {seconds: 3}, backoff: {linear: {}}, limit: {attempt: {count: 5}}}}}
    waits  ⇒  - a: {wait: {seconds: 30}}⏎- b: {wait: PT30S}
    a raised error with an instance  ⇒  - a: {raise: {error: {type: 'https://h.example/e', status: 400, instance: /a, title: T}}}
    a function around a document  ⇒  - a: {call: get, output: {as: '$input + { a: [.[] | select(.c.n == "dog" and (.t[] | .b == $input.o.b))] }'}}⏎use: {functions: {get: {call: openapi, with: {document: {endpoint: 'https://h.example/s.json'}, operationId: f, parameters: {s: a}}}}}
    """#

  @Test(arguments: Table.rows(of: accepted))
  func isRun(name: String, tasks: String) throws {
    let parts = tasks.split(separator: "⏎").map(String.init)
    let list = parts.filter { $0.hasPrefix("- ") }.joined(separator: "\n")
    _ = try parsed(workflow(list, more: parts.filter { !$0.hasPrefix("- ") }.joined(separator: "\n")))
  }

  /// What it shows  ⇒  a task  ⇒  what is refused.
  @Test(arguments: [
    (
      "a subscription by amount",
      "call: asyncapi, with: {document: {endpoint: 'https://h.example/a'}, operation: o, protocol: ws, subscription: {filter: '${ .id == $context.id }', consume: {amount: 5}}}",
      "subscriptions of call: asyncapi"
    ),
    (
      "a subscription for good",
      "call: asyncapi, with: {document: {endpoint: 'https://h.example/a'}, operation: o, subscription: {consume: {while: '${ true }'}, foreach: {item: m, do: [{b: {set: {m: 1}}}]}}}",
      "subscriptions of call: asyncapi"
    ),
    (
      "a subscription until",
      "call: asyncapi, with: {document: {endpoint: 'https://h.example/a'}, channel: /n, subscription: {consume: {for: {minutes: 30}, until: '${ true }'}}}",
      "subscriptions of call: asyncapi"
    ),
    (
      "a function at an address", "call: 'https://h.example/functions/log/1.0.0/function.yaml', with: {m: Hello}",
      "functions from catalogs and addresses"
    ),
    ("a function of a catalog", "call: 'log:0.5.2@global', with: {m: Hello}", "functions from catalogs and addresses"),
    (
      "gRPC",
      "call: grpc, with: {proto: {endpoint: 'file://a/g.proto'}, service: {name: G.G, host: localhost, port: 5011}, method: S, arguments: {n: '${ .n }'}}",
      "call: grpc"
    ),
    (
      "MCP",
      "call: mcp, with: {method: tools/call, parameters: {name: n}, transport: {stdio: {command: npx, arguments: [s]}}}",
      "call: mcp"
    ),
    (
      "A2A",
      "call: a2a, with: {method: message/send, agentCard: {endpoint: 'https://h.example/c.json'}, parameters: {m: {}}}",
      "call: a2a"
    ),
    (
      "a container",
      "run: {container: {image: i, name: '${ \"x\" }', command: c, stdin: '${ . }', arguments: [a], pullPolicy: always, lifetime: {cleanup: eventually, after: {minutes: 30}}}, return: all}",
      "run: container"
    ),
    (
      "a script", "run: {script: {language: javascript, stdin: H, environment: {f: b}, arguments: [h], code: x}}",
      "run: script"
    ),
    ("a shell", "run: {shell: {stdin: '${ . }', command: 'echo', arguments: [F, B]}}", "run: shell"),
  ])
  func isRefusedByName(name: String, task: String, construct: String) {
    #expect(diagnose(workflow("- a: {\(task)}")).map(\.message) == ["not supported: \(construct)"])
  }

  /// What the standard's own tests want refused.
  @Test(arguments: [
    ("- a: {call: http, with: {method: get, endpoint: 'https://h.example/{id}'}, foo: bar}", "7:78 unknownKey"),
    ("- a: {call: http, with: {method: get, endpoint: 'https://h.example/{id}'}}\n  b: {set: {m: x}}", "8:5 conflict"),
    ("- a: {listen: {to: {any: [], until: {any: [], until: '${ ($context.e | length) == 3 }'}}}}", "7:49 conflict"),
  ])
  func isInvalid(tasks: String, expected: String) {
    #expect(diagnose(workflow(tasks)).map(\.brief) == [expected])
  }
}
