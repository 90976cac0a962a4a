import Mediator
import Testing
import Values
import Workflow

@testable import mediatorctl

@Suite struct ArgumentTests {
  @Test(arguments: [
    ("5s", 5_000), ("250ms", 250), ("1h30m", 5_400_000), ("2d", 172_800_000), ("PT5S", 5_000), ("P1D", 86_400_000),
  ])
  func readsDurations(text: String, milliseconds: Int) {
    #expect(DurationArgument(argument: text)?.duration == .milliseconds(milliseconds))
  }

  @Test(arguments: ["", "5", "s", "5 s", "-5s", "5x", "P1Y", "1.5h", "99999999999s", "5s6"])
  func refusesWhatIsNoDuration(text: String) {
    #expect(DurationArgument(argument: text) == nil)
  }

  @Test func readsMoments() {
    let now = Timestamp(microseconds: 1_767_323_045_000_000)
    #expect(MomentArgument(argument: "15m")?.resolved(now: now) == now - .seconds(900))
    #expect(MomentArgument(argument: "2026-01-02T03:04:05Z")?.resolved(now: .earliest) == now)
    #expect(MomentArgument(argument: "yesterday") == nil)
  }

  @Test func readsWorkflowNames() {
    #expect(WorkflowArgument(argument: "acme/order")?.namespace == "acme")
    #expect(WorkflowArgument(argument: "order")?.namespace == nil)
    #expect(WorkflowArgument(argument: "order")?.name == "order")
    for wrong in ["", "/", "a/", "/a", "a/b/c"] { #expect(WorkflowArgument(argument: wrong) == nil) }
  }

  @Test func readsBeginningsOfIDs() throws {
    let prefix = try #require(InstancePrefix("3F2a-b"))
    #expect(prefix.lowest.text == "3f2ab000-0000-0000-0000-000000000000")
    #expect(prefix.highest.text == "3f2abfff-ffff-ffff-ffff-ffffffffffff")
    let whole = "3f2ab000-0000-8000-8000-00000000abcd"
    #expect(InstancePrefix(whole)?.lowest.text == whole)
    #expect(InstancePrefix(whole)?.highest.text == whole)
    for wrong in ["", "3f2", "----", "3g2a", "3f2a%", whole + "0", "ｆｆｆｆ"] { #expect(InstancePrefix(wrong) == nil) }
  }

  /// Known hashes: Kafka's own test of `Utils.murmur2`.
  @Test(arguments: [
    ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
    ("a-little-bit-longer-string", -1_486_304_829), ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
    ("abc", 479_470_107),
  ])
  func hashesKeysAsKafkaDoes(key: String, hash: Int) {
    #expect(Int(Int32(bitPattern: Partitioner.murmur2(Array(key.utf8)))) == hash)
  }

  @Test func choosesPartitionsThatExist() {
    for count in Int32(1)...5 {
      #expect((0..<count).contains(Partitioner.partition(of: nil, among: count)))
      #expect((0..<count).contains(Partitioner.partition(of: Array("foobar".utf8), among: count)))
    }
  }

  @Test func marksThePlaceInTheLine() {
    let tabs = DiagnosticText.excerpt("\tif: 漢字 x", column: 8)
    #expect(tabs.line == " if: 漢字 x")
    #expect(tabs.indent.count == 9)
    let long = DiagnosticText.excerpt(String(repeating: "a", count: 500) + "X" + "b", column: 501)
    #expect(long.line.hasPrefix("…a"))
    let mark = Array(long.line)[long.indent.count]
    #expect(mark == "X")
    let beyond = DiagnosticText.excerpt("abc", column: 99)
    #expect(beyond.indent.count == 3)
  }

  @Test func tellsADiagnosticAsCompilersDo() {
    let diagnostic = Diagnostic(
      severity: .error, code: .unknownKey, location: SourceLocation(file: "a.yaml", line: 2, column: 3),
      message: "unknown key 'documnt'", hint: "Did you mean 'document'?", offendingLine: "  documnt:")
    #expect(
      DiagnosticText.render(diagnostic, .plain(now: .earliest)) == """
        a.yaml:2:3: error: unknown key 'documnt'
            documnt:
            ^
          hint: Did you mean 'document'?
        """)
  }

  @Test func showsKeysThatAreNoText() {
    #expect(keyText(Array("press-1".utf8)) == "press-1")
    #expect(keyText([0xFF, 0x00, 0x0A]) == "0xff000a")
  }
}
