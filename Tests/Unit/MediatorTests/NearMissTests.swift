import Testing
import Values
import Workflow

@testable import Mediator

@Suite struct NearMissTests {
  private let now = Timestamp(microseconds: 1_767_323_045_000_000)

  @Test func saysWhyEachEventDidNotMatch() throws {
    let filter = try filter()
    func mismatches(
      _ data: JSON, source: String = "/bank", fate: NearMiss.Fate = .kept, expected: JSONObject = ["order": "o-7"]
    ) -> [NearMiss.Mismatch] {
      NearMiss(sighting("e", data, source: source, fate: fate), filter: filter, expected: expected).mismatches
    }
    #expect(mismatches(["order": "o-7", "amount": 5]) == [])
    #expect(
      mismatches(["order": "o-8", "amount": 5]) == [.correlation(name: "order", is: "o-8", wanted: "o-7")])
    #expect(mismatches(["amount": 5]) == [.correlation(name: "order", is: .null, wanted: "o-7")])
    #expect(mismatches(["amount": 5], expected: [:]) == [.nothingToCorrelate(name: "order")])
    #expect(mismatches(["order": "o-9", "amount": 5], expected: [:]) == [])
    #expect(
      mismatches(["order": "o-7", "amount": 0]) == [.expression(attribute: "data", source: ".amount > 1")])
    #expect(
      mismatches(["order": "o-7", "amount": 5], source: "/shop")
        == [.attribute(name: "source", is: "/shop", wanted: "/bank")])
    #expect(mismatches(["order": "o-7", "amount": 5], fate: .consumed) == [.consumed])
    #expect(
      mismatches(["order": "o-7", "amount": 5], fate: .deadLetter(reason: "expired"))
        == [.deadLetter(reason: "expired")])
  }

  @Test func takesThoseThatMissLeastAndOfThemTheNewest() throws {
    let sightings = [
      sighting("far", ["order": "x", "amount": 0], at: now),
      sighting("old", ["order": "x", "amount": 5], at: now - .seconds(9)),
      sighting("new", ["order": "y", "amount": 5], at: now - .seconds(1)),
      sighting("match", ["order": "o-7", "amount": 5], at: now - .seconds(99)),
    ]
    let nearest = NearMiss.nearest(sightings, filter: try filter(), expected: ["order": "o-7"])
    #expect(nearest.map(\.id) == ["match", "new", "old"])
    #expect(nearest[0].text.hasSuffix("it matches and is on its way"))
    #expect(nearest[1].text.hasSuffix(#"order is "y", not "o-7""#))
  }

  private func sighting(
    _ id: String, _ data: JSON, source: String = "/bank", at: Timestamp? = nil, fate: NearMiss.Fate = .kept
  ) -> NearMiss.Sighting {
    NearMiss.Sighting(
      id: id, source: source, event: ["id": .string(id), "type": "paid", "source": .string(source), "data": data],
      at: at ?? now, fate: fate)
  }

  private func filter() throws -> EventFilter {
    let source = """
      document: {dsl: 1.0.3, namespace: shop, name: order, version: 1.0.0}
      do:
        - pay:
            listen:
              to:
                one:
                  with:
                    type: paid
                    source: /bank
                    data: ${ .amount > 1 }
                  correlate:
                    order:
                      from: .data.order
                      expect: .order
      """
    let definition = try #require(WorkflowParser.parse(source, file: "test.yaml").definition)
    guard case .listen(let listen)? = definition.task(at: "/do/0/pay")?.kind else {
      throw MediatorError(.definition, "no listen")
    }
    return listen.to.allFilters[0]
  }
}
