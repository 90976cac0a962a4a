import Testing
import Values
import YAML

/// Random input must give a tree or an error, in bounded time, and JSON must mean the same here as to a JSON reader.
struct YAMLFuzzTests {
  private struct Random: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state ^ (state >> 31)) &* 0x9E37_79B9_7F4A_7C15
    }
  }

  private static let pieces = [
    "a", "b: ", "- ", "\n", "  ", "\t", "{", "}", "[", "]", ",", ": ", "? ", "&x ", "*x", "!t ", "'", "\"", "|\n",
    ">\n",
    "#", "---\n", "...\n", "%", "@", "`", "1.5", "null", "<<", "é", "\u{0}", "\\u0041", "\\", "${ .a }", "\r",
  ]

  @Test(arguments: 0..<8)
  func piecesInAnyOrder(seed: Int) {
    var random = Random(state: UInt64(seed) &+ 1)
    var (tried, accepted) = (0, 0)
    for _ in 0..<400 {
      tried += 1
      let count = Int.random(in: 1...40, using: &random)
      let text = (0..<count).map { _ in Self.pieces.randomElement(using: &random) ?? "" }.joined()
      if let node = try? YAML.parse(text) { accepted += node.json.text.isEmpty ? 0 : 1 }
    }
    print("fuzz: \(tried) YAML documents of pieces (seed \(seed)), \(accepted) of them accepted")
  }

  @Test(arguments: 0..<4)
  func anyBytes(seed: Int) {
    var random = Random(state: UInt64(seed) &+ 100)
    var (tried, accepted) = (0, 0)
    for _ in 0..<400 {
      tried += 1
      let bytes = (0..<Int.random(in: 0...60, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      if let node = try? YAML.parse(bytes) { accepted += node.json.text.isEmpty ? 0 : 1 }
    }
    print("fuzz: \(tried) YAML documents of bytes (seed \(seed)), \(accepted) of them accepted")
  }

  @Test(arguments: 0..<4)
  func jsonMeansTheSame(seed: Int) throws {
    var random = Random(state: UInt64(seed) &+ 200)
    for _ in 0..<200 {
      let text = randomJSON(depth: 4, &random).text
      #expect(try YAML.parse(text).json == JSON.parse(text), "\(text)")
    }
  }

  private func randomJSON(depth: Int, _ random: inout Random) -> JSON {
    switch Int.random(in: 0..<(depth > 0 ? 7 : 5), using: &random) {
    case 0: return nil
    case 1: return .bool(Bool.random(using: &random))
    case 2: return .number(JSONNumber(Int.random(in: -1000...1000, using: &random)))
    case 3: return .number(JSONNumber(Double.random(in: -10...10, using: &random)))
    case 4: return .string(randomText(&random))
    case 5:
      return .array((0..<Int.random(in: 0...4, using: &random)).map { _ in randomJSON(depth: depth - 1, &random) })
    default:
      var object = JSONObject()
      for _ in 0..<Int.random(in: 0...4, using: &random) {
        object[randomText(&random)] = randomJSON(depth: depth - 1, &random)
      }
      return .object(object)
    }
  }

  private func randomText(_ random: inout Random) -> String {
    let characters = ["a", " ", ":", "#", "é", "😀", "\"", "\\", "\n", "\t", "'", "!", "&", "-", "1", "\u{1}", "{", ","]
    return (0..<Int.random(in: 0...6, using: &random)).map { _ in characters.randomElement(using: &random) ?? "" }
      .joined()
  }
}
