import Testing
import Values

@Suite("Durations of ISO 8601")
struct ISO8601DurationTests {
  @Test(
    arguments: [
      ("PT0S", .zero), ("P1DT2H3.5S", .milliseconds(93_603_500)), ("P2W", .seconds(1_209_600)),
      ("PT15M", .seconds(900)),
      ("PT0.000000001S", .nanoseconds(1)), ("PT36H", .seconds(129_600)), ("PT1,5S", .milliseconds(1_500)),
      ("P0D", .zero),
      ("PT0.1234567891S", .nanoseconds(123_456_789)), ("P1DT1S", .seconds(86_401)), ("PT007S", .seconds(7)),
    ] as [(String, Duration)])
  func reads(text: String, duration: Duration) { #expect(ISO8601Duration.parse(text) == duration) }

  @Test(arguments: [
    "", "P", "PT", "P1", "1D", "P1Y", "P1M", "P1DT", "PT1H1H", "PT1M1H", "P1H", "PT1D", "P1W1D", "P1DT1W",
    "-PT1S", "P-1D",
    "PT1.5M", "PT.5S", "PT1.S", "pt1s", "P1D ", "PTS", "PT99999999999999999999S", "P999999999999999D",
    "P1DT1HT1M", "PT١S", "P1D1W",
  ])
  func refuses(text: String) { #expect(ISO8601Duration.parse(text) == nil) }

  @Test(arguments: [
    (Duration.zero, "PT0S"), (.seconds(-5), "PT0S"), (.milliseconds(93_603_500), "P1DT2H3.5S"),
    (.seconds(86_400), "P1D"),
    (.seconds(90), "PT1M30S"), (.nanoseconds(1), "PT0.000000001S"), (.seconds(3_600), "PT1H"),
    (.seconds(172_801), "P2DT1S"),
  ])
  func writes(duration: Duration, text: String) { #expect(ISO8601Duration.format(duration) == text) }

  @Test func whatIsWrittenReadsBackTheSame() {
    var random = Generator(seed: 3)
    for _ in 0..<5_000 {
      let nanoseconds = Int64((random.next() >> 1) >> random.next(upTo: 62))
      let duration = Duration.nanoseconds(nanoseconds)
      #expect(ISO8601Duration.parse(ISO8601Duration.format(duration)) == duration)
    }
  }
}

@Suite("SHA-256, UUIDs, problem details")
struct OtherValuesTests {
  /// FIPS 180-4, examples.
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ])
  func digests(text: String, digest: String) {
    #expect(SHA256.hex(text) == digest)
    #expect(SHA256.hash(Array(text.utf8)).count == 32)
  }

  @Test func uuids() {
    let text = "00112233-4455-6677-8899-aabbccddeeff"
    let value = UUIDValue(high: 0x0011_2233_4455_6677, low: 0x8899_AABB_CCDD_EEFF)
    #expect(UUIDValue(text) == value)
    #expect(UUIDValue(text.uppercased()) == value)
    #expect(value.text == text)
    #expect(value.description == text)
    #expect(UUIDValue(high: 0, low: .max) < UUIDValue(high: 1, low: 0))
    #expect(UUIDValue(high: 1, low: 0) < UUIDValue(high: 1, low: 1))
    for bad in [
      "", "0011223344556677 8899aabbccddeeff", "00112233-4455-6677-8899-aabbccddeef", text + "0",
      "g" + text.dropFirst(),
      "0011223-34455-6677-8899-aabbccddeeff", "{" + text.dropLast(2) + "}",
    ] { #expect(UUIDValue(bad) == nil) }
  }

  @Test func problems() {
    let problem = ProblemDetails(
      type: "https://example.com/full", status: 507, title: "Full", detail: "no room", instance: "/do/0/store",
      extensions: ["disk": 3, "status": "shadowed"])
    let json: JSON = [
      "type": "https://example.com/full", "status": 507, "title": "Full", "detail": "no room",
      "instance": "/do/0/store",
      "disk": 3,
    ]
    #expect(problem.json == json)
    var plain = problem
    plain.extensions["status"] = nil
    #expect(ProblemDetails(json) == plain)
    #expect(ProblemDetails([:]) == ProblemDetails(type: "about:blank", status: 500))
    #expect(ProblemDetails(["status": "503", "title": 1]) == ProblemDetails(type: "about:blank", status: 500))
    #expect(ProblemDetails("x") == nil)
    #expect(ProblemDetails(type: "about:blank", status: 404).json == ["type": "about:blank", "status": 404])
  }
}
