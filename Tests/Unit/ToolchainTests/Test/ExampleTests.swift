import Foundation
import Testing
import Toolchain
import Workflow

/// The golden tests of the examples, without the program.
@Suite struct ExampleTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../../workflows").standardizedFileURL

  @Test(arguments: ["equipment-status", "order-fulfilment"])
  func everyExampleDoesWhatItsTestsSay(name: String) async throws {
    func bytes(_ suffix: String) throws -> [UInt8] {
      Array(try Data(contentsOf: Self.folder.appending(path: name + suffix)))
    }
    let parsed = WorkflowParser.parse(try bytes(".yaml"), file: "\(name).yaml")
    let definition = try #require(parsed.definition)
    let file = CompanionFile(try bytes(".test.yaml"), name: "\(name).test.yaml")
    let tests = try #require(GoldenTestReader(file: file).read())
    let reader = MockReader(file: file)
    for item in tests.cases { reader.checkNames(of: item.mocks, in: [definition]) }
    #expect(file.diagnostics.map(\.rendered) == [])
    for item in tests.cases {
      let result = await item.run(definition, LocalCatalog())
      #expect(result.hasPassed, "\(name): \(item.name)\n\(result.text)")
    }
  }
}
