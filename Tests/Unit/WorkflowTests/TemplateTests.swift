import Testing
import Values
import YAML

@testable import Workflow

struct TemplateTests {
  private func template(_ yaml: String, _ stage: ExpressionReader.Stage = .taskDefinition) throws -> Template {
    let file = SourceFile(name: "t.yaml", text: yaml)
    return try #require(ExpressionReader(file: file).template(try YAML.parse(yaml), stage))
  }

  @Test func expressionsAtAnyDepth() throws {
    let template = try template("{a: '${ .x }', b: [1, '${ $input.y }', {c: '${ [.x] }'}], d: {e: plain}}")
    let value = try template.evaluate(["x": 5]) { $0 == "input" ? ["y": "why"] : nil }
    #expect(value.text == #"{"a":5,"b":[1,"why",{"c":[5]}],"d":{"e":"plain"}}"#)
    #expect(template.usedVariables == ["input"])
  }

  @Test func constantPartsAreBuiltOnce() throws {
    guard case .constant(let value) = try template("{a: [1, 2.50, {b: null}], c: 'no ${ } here'}") else {
      Issue.record("not constant")
      return
    }
    #expect(value.text == #"{"a":[1,2.50,{"b":null}],"c":"no ${ } here"}"#)
    guard case .object(let members) = try template("{a: '${ . }', b: {c: [1]}}") else {
      Issue.record("not an object")
      return
    }
    #expect(members[1].value.isConstant)
  }

  @Test func keysAreNeverExpressions() throws {
    #expect(try template("{'${ .x }': 1}").evaluate(nil) { _ in nil } == ["${ .x }": 1])
  }

  @Test func anErrorInsideIsTheErrorOfTheWhole() throws {
    let template = try template("{a: 1, b: ['${ .x.y }']}")
    let error = #expect(throws: ExpressionError.self) { try template.evaluate(["x": 1]) { _ in nil } }
    #expect(error?.location == SourceLocation(file: "t.yaml", line: 1, column: 16))
  }

  @Test func numbersAreExact() throws {
    let template = try template("{id: '${ .id }', n: 9007199254740993}")
    let data = try JSON.parse(#"{"id": 12345678901234567890}"#)
    #expect(try template.evaluate(data) { _ in nil }.text == #"{"id":12345678901234567890,"n":9007199254740993}"#)
  }
}
