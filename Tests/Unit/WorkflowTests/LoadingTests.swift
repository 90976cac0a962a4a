import Testing
import Values

@testable import Workflow

/// What loading many definitions costs: expressions are read at once, and compiled for jq when first evaluated.
struct LoadingTests {
  private func definition(_ number: Int) -> String {
    let tasks = (0..<10).map { task in
      """
      - t\(task):
          for: {each: item, in: '.items | map(select(.n > \(task)))'}
          do:
            - ask:
                call: http
                with: {method: get, endpoint: 'https://h.example/{id}', body: {n: '${ $item.n + \(number) }'}}
                output: {as: '{total: (.prices | map(.value) | add), by: $task.name}'}
      """
    }
    return workflow(tasks.joined(separator: "\n"), more: "input: {schema: {document: {type: object, required: [id]}}}")
  }

  /// The promise is 3 s for 200 in a release build; a debug build on a busy machine gets ten times that.
  @Test func twoHundredDefinitions() throws {
    let texts = (0..<200).map(definition)
    let clock = ContinuousClock()
    var count = 0
    let taken = try clock.measure {
      for text in texts { count += try parsed(text).tasks.count }
    }
    #expect(count == 2_000)
    #expect(taken < .seconds(30), "\(taken)")
  }
}
