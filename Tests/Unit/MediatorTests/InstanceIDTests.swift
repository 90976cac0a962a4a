import Testing
import Values

@testable import Mediator

@Suite struct InstanceIDTests {
  /// Stored instances depend on it: a change of this value would start every event a second time.
  @Test func staysTheSameForEver() {
    let id = InstanceID.make(workflow: "factory/equipment-status", source: "/edge/7", id: "4711")
    #expect(id.text == "60a958df-13c9-8329-bd13-89350c92e5fe")
  }

  @Test func isOfVersion8() {
    for number in 0..<100 {
      let text = Array(InstanceID.make(workflow: "a/b", source: "s", id: "\(number)").text)
      #expect(text[14] == "8")
      #expect("89ab".contains(text[19]))
    }
  }

  @Test func partsAreKeptApart() {
    let ids = [
      ("a", "bc", "d"), ("ab", "c", "d"), ("a", "b", "cd"), ("a", "bcd", ""), ("abc", "d", ""), ("", "abcd", ""),
      ("1:a", "b", "c"), ("1", ":ab", "c"), ("a1:", "b", "c"),
    ].map { InstanceID.make(workflow: $0.0, source: $0.1, id: $0.2) }
    #expect(Set(ids).count == ids.count)
  }
}
