import Testing
import Values

@Suite("JSON: values and writing")
struct JSONValueTests {
  @Test func accessors() {
    let value: JSON = ["a": [true, nil, 1.5, "x"], "b": 3]
    #expect(value["a"]?[0]?.bool == true)
    #expect(value["a"]?[1]?.isNull == true)
    #expect(value["a"]?[2]?.double == 1.5)
    #expect(value["a"]?[2]?.int == nil)
    #expect(value["a"]?[3]?.string == "x")
    #expect(value["b"]?.int == 3)
    #expect(value["b"]?.number?.text == "3")
    #expect(value["a"]?[4] == nil)
    #expect(value["a"]?[-1] == nil)
    #expect(value["c"] == nil)
    #expect(value[0] == nil)
    #expect(value["b"]?["x"] == nil)
    #expect(value.object?.keys == ["a", "b"])
    #expect(value["a"]?.array?.count == 4)
  }

  @Test func accessorsOfOtherKindsGiveNothing() {
    for value in [nil, true, 1, "x", [], [:]] as [JSON] {
      let held: [Any?] = [value.bool, value.number, value.string, value.array, value.object]
      #expect(held.compactMap { $0 }.count == (value.isNull ? 0 : 1))
    }
  }

  @Test func equalityAndHashing() {
    #expect(["a": 1, "b": 2] as JSON == ["b": 2, "a": 1])
    #expect((["a": 1, "b": 2] as JSON).hashValue == (["b": 2, "a": 1] as JSON).hashValue)
    #expect(["a": 1] as JSON != ["a": 1, "b": 2])
    #expect(["a": 1] as JSON != ["b": 1])
    #expect([1, 2] as JSON != [2, 1])
    let kinds: [JSON] = [nil, false, true, 0, "", "0", [], [:], [nil], ["": nil]]
    #expect(Set(kinds).count == kinds.count)
  }

  @Test func members() {
    var object: JSONObject = ["a": 1, "b": 2, "a": 3]
    #expect(JSON.object(object).text == #"{"a":3,"b":2}"#)
    object["c"] = nil
    object["b"] = nil
    object["d"] = .null
    #expect(JSON.object(object).text == #"{"a":3,"d":null}"#)
    #expect(object.values == [3, nil])
    #expect(!object.isEmpty)
    #expect(Array(object).map(\.key) == ["a", "d"])
  }

  /// Around the size where an index takes over from the search, an object does what a plain list of pairs does.
  @Test func objectsOfEverySizeBehaveLikeAList() {
    var random = Generator(seed: 7)
    for _ in 0..<200 {
      var object = JSONObject()
      var model: [(String, JSON)] = []
      for step in 0..<80 {
        let key = ["k\(random.next(upTo: 30))", "e\u{301}", "\u{e9}"][Int(random.next(upTo: 10) / 4)]
        let value: JSON? = random.next(upTo: 4) == 0 ? nil : .number(JSONNumber(step))
        object[key] = value
        let place = model.firstIndex { $0.0.unicodeScalars.elementsEqual(key.unicodeScalars) }
        switch (place, value) {
        case (let place?, let value?): model[place].1 = value
        case (let place?, nil): model.remove(at: place)
        case (nil, let value?): model.append((key, value))
        case (nil, nil): break
        }
        #expect(object.count == model.count)
        if object[key] != value { Issue.record("\(key) is \(String(describing: object[key]))") }
      }
      #expect(object.values == model.map(\.1))
      #expect(object == JSONObject(model.reversed()))
    }
  }

  @Test(arguments: [
    ("", #""""#), ("a\"b\\c/d", #""a\"b\\c/d""#), ("\u{8}\u{9}\u{a}\u{c}\u{d}", #""\b\t\n\f\r""#),
    ("\0\u{1}\u{b}\u{1f}", #""\u0000\u0001\u000b\u001f""#), ("\u{7f}é€😀", "\"\u{7f}é€😀\""),
    (
      "\"\"",
      #""\"\"""#
    ),
  ])
  func escapesOnlyWhatMustBe(string: String, text: String) { #expect(JSON.string(string).text == text) }

  @Test func writesCompactly() {
    let value: JSON = ["a": [1, [], [:], nil], "b": ["c": true, "d": false], "é": "x"]
    #expect(value.text == #"{"a":[1,[],{},null],"b":{"c":true,"d":false},"é":"x"}"#)
    #expect(value.description == value.text)
    var bytes = Array("x=".utf8)
    value.serialize(into: &bytes)
    #expect(bytes == Array("x=".utf8) + value.serialized())
  }

  @Test func writesForPeople() {
    let value: JSON = ["a": [1, [], [:]], "b": ["c": "x"]]
    #expect(
      value.pretty() == """
        {
          "a": [
            1,
            [],
            {}
          ],
          "b": {
            "c": "x"
          }
        }
        """)
    #expect((1 as JSON).pretty() == "1")
  }

  @Test func whatIsWrittenReadsBackTheSame() throws {
    var random = Generator(seed: 42)
    for _ in 0..<1_000 {
      let value = random.json(depth: 5)
      let compact = value.serialized()
      let read = try JSON.parse(compact)
      #expect(read == value)
      #expect(read.hashValue == value.hashValue)
      // Byte by byte, so the order of members as well.
      #expect(read.serialized() == compact)
      #expect(try JSON.parse(value.pretty()).serialized() == compact)
    }
  }

  /// Damaged texts are read or refused; whatever is read writes and reads back the same.
  @Test func damagedTextsNeverCrash() throws {
    var random = Generator(seed: 43)
    var refused = 0
    for _ in 0..<2_000 {
      var bytes = random.json(depth: 4).serialized()
      for _ in 0...random.next(upTo: 3) {
        let place = Int(random.next(upTo: UInt64(bytes.count)))
        switch random.next(upTo: 3) {
        case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes.remove(at: place)
        default: bytes.insert(random.pick(Array(#"{}[]",:\0e-.u"#.utf8)), at: place)
        }
        if bytes.isEmpty { break }
      }
      do {
        let value = try JSON.parse(bytes)
        #expect(try JSON.parse(value.serialized()) == value)
      } catch {
        refused += 1
        #expect(error.offset >= 0 && error.offset <= bytes.count)
      }
    }
    #expect(refused > 500)
  }
}
