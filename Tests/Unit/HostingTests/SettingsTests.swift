import Hosting
import Logging
import Testing
import Values

@Suite struct SettingsTests {
  private enum Colour: String, CaseIterable { case red, green }

  @Test func optionsWinOverVariables_whichWinOverTheFile_whichWinsOverDefaults() throws {
    let file = "health:\n  port: 1\n  host: a\nlog: {level: debug}\n"
    let settings = try Settings(
      overrides: ["health.port": "3"], environment: ["MEDIATOR_HEALTH_PORT": "2", "MEDIATOR_HEALTH_HOST": "b"],
      file: ("m.yaml", file))
    let health = HealthSettings.read(settings)
    #expect(health == HealthSettings(host: "b", port: 3))
    #expect(LogSettings.read(settings) == LogSettings(level: .debug, format: .text))
    try settings.finish()
  }

  @Test func nothingSetMeansDefaults() throws {
    let settings = try Settings(environment: ["MEDIATOR_HEALTH_PORT": ""])
    #expect(HealthSettings.read(settings) == HealthSettings(host: "127.0.0.1", port: nil))
    #expect(LogSettings.read(settings) == LogSettings(level: .info, format: .text))
    try settings.finish()
  }

  @Test(arguments: ["", "# nothing\n", "health:\n", "health:\n  port:\n"])
  func filesThatSetNothing(_ text: String) throws {
    let settings = try Settings(file: ("m.yaml", text))
    #expect(HealthSettings.read(settings).port == nil)
    try settings.finish()
  }

  @Test func everyTypeIsReadFromFileAndText() throws {
    let file = """
      s: {text: "08", whole: 42, fraction: 0.5, yes: true, wait: 1m30s, iso: PT0.25S, colour: green, list: [a, "b c"],
        any: {x: [1, null]}}
      """
    let environment = [
      "MEDIATOR_T_TEXT": "08", "MEDIATOR_T_WHOLE": "42", "MEDIATOR_T_FRACTION": "0.5", "MEDIATOR_T_YES": "TRUE",
      "MEDIATOR_T_WAIT": "90s", "MEDIATOR_T_ISO": "250ms", "MEDIATOR_T_COLOUR": "green", "MEDIATOR_T_LIST": "a, b c ,",
      "MEDIATOR_T_ANY": #"{"x": [1, null]}"#,
    ]
    let settings = try Settings(environment: environment, file: ("m.json", file))
    for name in ["s", "t"] {
      let section = settings.section(name)
      #expect(section.string("text") == "08")
      #expect(section.integer("whole", default: 0) == 42)
      #expect(section.number("fraction") == 0.5)
      #expect(section.number("whole") == 42)
      #expect(section.bool("yes", default: false))
      #expect(section.duration("wait", default: .zero) == .seconds(90))
      #expect(section.duration("iso", default: .zero) == .milliseconds(250))
      #expect(section.choice("colour", default: Colour.red) == .green)
      #expect(section.strings("list") == ["a", "b c"])
      #expect(section.json("any") == ["x": [1, nil]])
      #expect(section.string("absent") == nil)
      #expect(section.has("text") && !section.has("absent"))
    }
    try settings.finish()
  }

  @Test func everyMistakeIsToldAtOnce_withItsPlace() throws {
    let file = """
      heath:
        port: 1
      health:
        prot: 8080
        host: [a]
      log:
        level: loud
        format: text
      nobody: {knows: 1}
      """
    let settings = try Settings(
      overrides: ["health.prot": "1"], environment: ["MEDIATOR_HEALTH_PORT": "70000"], file: ("dir/m.yaml", file))
    _ = HealthSettings.read(settings)
    _ = LogSettings.read(settings)
    #expect(
      problems(settings) == [
        "environment variable MEDIATOR_HEALTH_PORT: health.port must be a whole number from 0 to 65535",
        "dir/m.yaml:5:9: health.host must be a text; a number needs quotes to be one",
        "dir/m.yaml:7:10: log.level must be one of trace, debug, info, notice, warning, error, critical",
        "dir/m.yaml:1:1: unknown setting heath. Did you mean health?",
        "dir/m.yaml:4:3: unknown setting health.prot. Did you mean port?",
        "dir/m.yaml:9:1: unknown setting nobody.",
        "option health.prot: unknown setting health.prot. Did you mean health.port?",
      ])
  }

  /// `mediatorctl` reads one setting of the mediator's; the others are no mistake of its file.
  @Test func aSectionMayBeReadInPart() throws {
    let settings = try Settings(file: ("m.yaml", "mediator: {maxRedrives: 5, queues: [{topic: t}]}\nother: 1\n"))
    #expect(settings.section("mediator").integer("maxRedrives", default: 3, in: 1...10) == 5)
    settings.tolerate("mediator")
    let error = #expect(throws: HostingError.self) { try settings.finish() }
    #expect(error?.message == "m.yaml:2:1: unknown setting other.")
  }

  @Test func sectionsOfOtherServicesAreAllowed() throws {
    let settings = try Settings(file: ("m.yaml", "processors: {telegram: {x: 1}}\nqueues: []\n"))
    settings.allow("processors", "queues")
    try settings.finish()
  }

  @Test(arguments: [
    ("a: 5", "m.yaml:1:4: s.a must be a duration like 5s, 250ms, 10m or PT5S"),
    ("a: 5 s", "m.yaml:1:4: s.a must be a duration like 5s, 250ms, 10m or PT5S"),
    ("a: -5s", "m.yaml:1:4: s.a must be a duration like 5s, 250ms, 10m or PT5S"),
    ("a: P1M", "m.yaml:1:4: s.a must be a duration like 5s, 250ms, 10m or PT5S"),
    ("a: 2h", "m.yaml:1:4: s.a must be a duration from PT1S to PT1H"),
  ])
  func durationsNeedAUnitAndARange(_ text: String, _ problem: String) throws {
    let settings = try Settings(file: ("m.yaml", "s: {\(text)}"))
    #expect(
      settings.section("s").duration("a", default: .seconds(1), in: .seconds(1)...(.seconds(3600))) == .seconds(1))
    #expect(problems(settings) == [problem.replacing(":1:4:", with: ":1:8:")])
  }

  @Test func aNumberIsNoTextBecauseYAMLHasReadIt() throws {
    let settings = try Settings(file: ("m.yaml", "s: {code: 0123}"))
    #expect(settings.section("s").string("code") == nil)
    #expect(problems(settings) == ["m.yaml:1:11: s.code must be a text; a number needs quotes to be one"])
  }

  @Test func whatReadersReport() throws {
    let settings = try Settings(environment: ["MEDIATOR_S_B": "x"], file: ("m.yaml", "s:\n  a: x\n"))
    let section = settings.section("s")
    _ = (section.string("a"), section.string("b"), section.string("c"))
    section.report("a", "is odd")
    section.report("b", "is odd too")
    section.require("a")
    section.require("c")
    settings.section("t").require("baseURL")
    #expect(
      problems(settings) == [
        "m.yaml:2:6: s.a is odd",
        "environment variable MEDIATOR_S_B: s.b is odd too",
        "m.yaml:2:3: s.c is missing: set it in the file or as MEDIATOR_S_C",
        "configuration: t.baseURL is missing: set it in the file or as MEDIATOR_T_BASE_URL",
      ])
  }

  @Test func brokenFiles() throws {
    for (text, problem) in [
      ("- a", "m.yaml:1:1: a configuration file is a map of sections"),
      (
        "a: [",
        "m.yaml:"
      ),
    ] {
      do {
        _ = try Settings(file: ("m.yaml", text))
        Issue.record("no error")
      } catch {
        #expect(error.code == .settings)
        #expect(error.description.hasPrefix(problem))
      }
    }
    do {
      _ = try Settings(configFile: nil, environment: ["MEDIATOR_CONFIG": "/nonexistent/m.yaml"])
      Issue.record("no error")
    } catch {
      #expect(error.problems.first?.code == .unreadable)
      #expect(error.message.hasPrefix("/nonexistent/m.yaml: cannot read the configuration file: No such file"))
    }
  }

  @Test func scalarsWhereMapsBelong() throws {
    let settings = try Settings(file: ("m.yaml", "health: 8080\n"))
    _ = HealthSettings.read(settings)
    #expect(problems(settings) == ["m.yaml:1:9: health must be a map"])
  }
}

/// One line per problem.
func problems(_ settings: Settings) -> [String] {
  do {
    try settings.finish()
    return []
  } catch {
    return error.problems.map(\.description)
  }
}
