import Values

/// Errors that are raised, caught, and not caught.
extension Scenario {
  /// The kit spells the standard error's type in another way than the reference does.
  private static let communication = "https://serverlessworkflow.io/dsl/errors/types/communication"

  static let errors = [
    Scenario(
      .raise, "an error written in place ends the workflow, and says where",
      """
      do:
        - refuse:
            raise:
              error:
                status: 422
                type: https://workshop.example/errors/too-hot
                title: Too hot to touch
      """,
      [
        .faultsWith([
          "status": 422, "type": "https://workshop.example/errors/too-hot", "title": "Too hot to touch",
          "instance": "/do/0/refuse",
        ])
      ]),
    Scenario(
      .try, "an error of the named type and status is caught, under a name of its own, with the place it came from",
      """
      do:
        - attempt:
            try:
              - search:
                  call: http
                  with: {method: get, endpoint: {uri: "PETS/v2/pet/byNickname/{nickname}"}}
            catch:
              errors: {with: {type: \(communication), status: 404}}
              as: trouble
              do:
                - note: {set: {error: "${ $trouble }"}}
      """,
      input: ["nickname": "Rex"],
      [
        .completes, .has(["error", "error.type", "error.status", "error.title"]),
        .value("/do/0/attempt/try/0/search", at: "error.instance"),
      ]),
    Scenario(
      .try, "an error of another status is not caught",
      """
      do:
        - attempt:
            try:
              - search:
                  call: http
                  with: {method: get, endpoint: {uri: "PETS/v2/pet/byNickname/{nickname}"}}
            catch:
              errors: {with: {type: \(communication), status: 503}}
              as: trouble
              do:
                - note: {set: {error: "${ $trouble }"}}
      """,
      input: ["nickname": "Rex"],
      [.faults]),
  ]
}
