import Engine
import Testing
import Values

/// What the comparison with a second interpreter (ModelTests) brought to light, in the smallest form.
@Suite struct ModelFindingsTests {
  private static let traced =
    "use: {extensions: [{log: {extend: all, before: [{note: {set: {noted: true}}}]}}]}\n"

  @Test func whatExtensionsAddIsNotSpokenOf() throws {
    let skipped = try Bench(Self.traced + "do: [{a: {if: .no, set: {x: 1}}}]")
    #expect(skipped.trace == ["~/do/0/a"])
    let failed = try Bench(Self.traced + "do: [{a: {if: .a.b.c, set: {x: 1}}}]", input: ["a": [1]])
    #expect(failed.trace == ["+/do/0/a", "!/do/0/a"])
    #expect(failed.state.error?.instance == "/do/0/a")
  }

  @Test func whetherAnExtensionAppliesCanFail() throws {
    let bench = try Bench(
      """
      use: {extensions: [{log: {extend: all, when: .a.b.c, before: [{note: {set: {noted: true}}}]}}]}
      do: [{a: {set: {x: 1}}}]
      """, input: ["a": [1]])
    #expect(bench.trace == ["+/do/0/a", "!/do/0/a"])
    #expect(bench.state.error?.instance == "/do/0/a")
  }
}
