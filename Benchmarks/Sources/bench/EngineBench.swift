import ArgumentParser
import Engine
import Glibc
import Values
import Workflow

/// The pure engine without any I/O: one workflow from start to end, over and over; and single expressions.
///
/// Everything is counted against the processor time of this one thread, so other programs on the machine hardly matter.
struct EngineBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "engine", abstract: "Workflow instances, task transitions and expressions per second of one core.")

  @Argument(help: "The example workflow, workflows/equipment-status.yaml.")
  var file: String

  @Option(help: "Seconds of processor time for each figure, in five rounds.")
  var seconds = 4.0

  func run() async throws {
    let parsed = WorkflowParser.parse(try readText(file), file: file)
    guard let definition = parsed.definition else { throw BenchError("\(file): \(parsed.diagnostics)") }
    let instances = try InstanceRun(engine: Engine(definition: definition))
    let transitions = try instances.run(0)
    let rate = try perSecond(instances.run)
    let plain = try Expression(".jobPercentFinished", variables: [])
    // What the example's last task says, in words that only libjq knows.
    let jq = try Expression(#"[.transitions[].message] | join("\n")"#, variables: [])
    let alerts = InstanceRun.alertsReply
    // The same value as the path gives, by a function that only libjq has.
    let path = try Expression(#"getpath(["jobPercentFinished"])"#, variables: [])
    let loop = try LoopRun()
    let result: JSON = [
      "instances_per_second": JSON(rate), "transitions_per_instance": JSON(transitions),
      "transitions_per_second": JSON(rate * Double(transitions)),
      "path_expressions_per_second": JSON(try perSecond { _ in _ = try plain.evaluate(sampleEvent) { _ in nil } }),
      "path_through_jq_per_second": JSON(try perSecond { _ in _ = try path.evaluate(sampleEvent) { _ in nil } }),
      "jq_expressions_per_second": JSON(try perSecond { _ in _ = try jq.evaluate(alerts) { _ in nil } }),
      "seconds_to_load_200_definitions": JSON(try secondsToLoad(definition.source)),
      "seconds_of_10000_passes": JSON(try seconds { try loop.run(10_000) }),
      "seconds_of_1000_passes": JSON(try seconds { try loop.run(1_000) }),
    ]
    print(result.text)
  }

  /// 200 definitions with 10 expressions each, none of which has been seen before, compiled for their first use.
  private func secondsToLoad(_ source: String) throws -> Double {
    try seconds {
      for number in 0..<200 {
        let tasks = (0..<10).map { "  - task\($0): {set: {value: '${ .a\(number) | map(. + \($0)) | add }'}}\n" }
        let text =
          "document: {dsl: 1.0.3, namespace: bench, name: n\(number), version: 1.0.0}\ndo:\n" + tasks.joined()
        let parsed = WorkflowParser.parse(text, file: "n\(number).yaml")
        guard parsed.definition != nil else { throw BenchError("\(parsed.diagnostics)") }
      }
    }
  }

  private func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = threadSeconds()
    try body()
    return threadSeconds() - start
  }

  /// How often `body` runs in a second of this thread's processor time: of five rounds the fastest, because what else
  /// runs on the machine, and on its host, only slows.
  private func perSecond<Ignored>(_ body: (Int) throws -> Ignored) rethrows -> Double {
    for index in 0..<100 { _ = try body(index) }
    var count = 0
    var best = 0.0
    for _ in 0..<5 {
      let (start, first) = (threadSeconds(), count)
      while threadSeconds() - start < seconds / 5 {
        for index in 0..<50 { _ = try body(count + index) }
        count += 50
      }
      best = max(best, Double(count - first) / (threadSeconds() - start))
    }
    return best
  }

  private func threadSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

/// One instance after the other, each answered until it has ended.
struct InstanceRun {
  private let engine: Engine
  private let input: JSON

  static let alertsReply: JSON = [
    "state": "raised",
    "transitions": [
      ["rule": "nearly-done", "message": "equipment-12-3 is nearly done"],
      ["rule": "producing", "message": "equipment-12-3 is producing"],
    ],
  ]

  init(engine: Engine) throws {
    self.engine = engine
    input = [
      ["specversion": "1.0", "id": "1", "source": "/devices/12", "type": "equipment.status", "data": sampleEvent]
    ]
  }

  /// - Returns: how many tasks were completed.
  func run(_ index: Int) throws -> Int {
    let now = Timestamp(microseconds: 1_800_000_000_000_000)
    var (state, step) = engine.start(id: UUIDValue(high: 7, low: UInt64(index)), input: input, now: now)
    var entries = step.entries
    var tasks = 0
    while true {
      var request: Request?
      for entry in entries {
        switch entry {
        case .requested(let next): request = next
        case .taskCompleted: tasks += 1
        default: break
        }
      }
      guard let request else { break }
      let output: JSON = request.channel == "alerts" ? Self.alertsReply : ["done": true]
      entries = engine.reply(.completed(output), to: request.id, state: &state, now: now).entries
    }
    guard state.status == .completed else { throw BenchError("the instance ended as \(state.status): \(entries)") }
    return tasks
  }
}

/// A loop with a call in each pass: what a long loop costs, and whether it costs more the longer it has run.
struct LoopRun {
  private let engine: Engine

  init() throws {
    let text = """
      document: {dsl: 1.0.3, namespace: bench, name: loop, version: 1.0.0}
      do:
        - each:
            for: {each: item, in: .items}
            do: [{ask: {call: oracle, with: {item: "${ $item }"}}}]
      """
    guard let definition = WorkflowParser.parse(text, file: "loop.yaml").definition else {
      throw BenchError("the loop is no workflow")
    }
    engine = Engine(definition: definition)
  }

  func run(_ passes: Int) throws {
    let now = Timestamp(microseconds: 1_800_000_000_000_000)
    let items = JSON.array((0..<passes).map { JSON($0) })
    var (state, step) = engine.start(id: UUIDValue(high: 7, low: 9), input: ["items": items], now: now)
    while !state.status.isTerminal {
      let requests = step.entries.compactMap { if case .requested(let request) = $0 { request } else { nil } }
      guard let request = requests.last else { throw BenchError("the loop asks nothing") }
      step = engine.reply(.completed(["done": true]), to: request.id, state: &state, now: now)
    }
  }
}
