import Values

/// Calls of a server, directly and by its description.
extension Scenario {
  private static let envelope = [
    "request", "request.method", "request.uri", "request.headers", "headers", "statusCode", "content", "content.id",
    "content.name", "content.status",
  ]

  static let calls = [
    Scenario(
      .call, "http: a template in the query; the answer's JSON is the output, and its first item is kept",
      """
      do:
        - search:
            call: http
            with: {method: get, endpoint: {uri: "PETS/v2/pet/findByStatus?status={wanted}"}}
            output: {as: ".[0]"}
      """,
      input: ["wanted": "pending"],
      [.completes, .has(["id", "name", "status"])]),
    Scenario(
      .call, "http: the whole response, with the request that it answers",
      """
      do:
        - look:
            call: http
            with: {method: get, endpoint: {uri: "PETS/v2/pet/{number}"}, output: response}
      """,
      input: ["number": 2],
      [.completes, .has(envelope)]),
    Scenario(
      .call, "http: name and password from the input",
      """
      do:
        - enter:
            call: http
            with:
              method: get
              endpoint:
                uri: LOGIN/basic-auth/{who}/{word}
                authentication: {basic: {username: "${ .who }", password: "${ .word }"}}
      """,
      input: ["who": "foreman", "word": "open-sesame"],
      [.completes]),
    Scenario(
      .call, "openapi: an operation that gives a list, of which the length is kept",
      """
      do:
        - search:
            call: openapi
            with:
              document: {endpoint: PETS/v2/swagger.json}
              operationId: findPetsByStatus
              parameters: {status: "${ .wanted }"}
            output: {as: . | length}
      """,
      input: ["wanted": "pending"],
      [.completes]),
    Scenario(
      .call, "openapi: the whole response, with the request that it answers",
      """
      do:
        - look:
            call: openapi
            with:
              document: {endpoint: PETS/v2/swagger.json}
              operationId: getPetById
              parameters: {petId: "${ .number }"}
              output: response
      """,
      input: ["number": 2],
      [.completes, .has(envelope)]),
  ]
}
