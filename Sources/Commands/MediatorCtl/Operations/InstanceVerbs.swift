import ArgumentParser
import Engine
import Mediator
import Values

/// A verb that is the same for every instance.
protocol InstanceVerb: AsyncParsableCommand {
  static var verb: String { get }
  /// Which instances a query finds where it names no status.
  static var statuses: Set<InstanceStatus> { get }
  var options: VerbOptions { get }
  /// What the shard is told: the operation's JSON form, where it is one of the engine's.
  func arguments() throws -> JSON
}

/// A verb that the engine knows.
protocol EngineVerb: InstanceVerb {
  func operation() throws -> Operation
}

extension EngineVerb {
  func arguments() throws -> JSON { try operation().json }
}

extension InstanceVerb {
  func run() async throws {
    let arguments = try arguments()
    let report = try await options.database.withPool(options.file) { pool in
      let found = try await options.targets.resolve(pool, statuses: Self.statuses)
      return try await OperationRun(
        verb: Self.verb, arguments: { _ in arguments }, request: options.request, pool: pool
      )
      .run(found)
    }
    try options.output.print(json: report.json, text: report.text)
    if let failure = report.failure { throw failure }
  }
}

extension Set<InstanceStatus> {
  static let open: Set = [.pending, .running, .waiting, .suspended]
}

extension InstancesCommand {
  struct Suspend: EngineVerb {
    static let verb = "suspend"
    static let statuses: Set<InstanceStatus> = [.pending, .running, .waiting]
    static let configuration = CommandConfiguration(
      abstract: "Stops instances where they are, until 'resume'.",
      discussion: """
        Nothing new is sent and no timer runs. Replies and events that come meanwhile are kept, and count on 'resume'.

        Examples:
          mediatorctl instances suspend 3f2a --reason "press-1 is being repaired"
          mediatorctl instances suspend --workflow equipment-status --key press-1 --dry-run
        """)

    @OptionGroup var options: VerbOptions

    func operation() -> Operation { .suspend }
  }

  struct Resume: EngineVerb {
    static let verb = "resume"
    static let statuses: Set<InstanceStatus> = [.suspended]
    static let configuration = CommandConfiguration(
      abstract: "Lets suspended instances go on, exactly where they were.",
      discussion: """
        Examples:
          mediatorctl instances resume 3f2a
          mediatorctl instances resume --workflow equipment-status --yes
        """)

    @OptionGroup var options: VerbOptions

    func operation() -> Operation { .resume }
  }

  struct Cancel: EngineVerb {
    static let verb = "cancel"
    static let statuses: Set<InstanceStatus> = .open
    static let configuration = CommandConfiguration(
      abstract: "Ends instances; on request what they did is compensated first.",
      discussion: """
        Examples:
          mediatorctl instances cancel 3f2a --compensate --reason "ordered twice"
          mediatorctl instances cancel --workflow order-fulfilment --since 1h --dry-run
        """)

    @Flag(help: "Runs the compensations of completed tasks, the latest first.")
    var compensate = false
    @OptionGroup var options: VerbOptions

    func operation() -> Operation { .cancel(compensating: compensate) }
  }

  struct Retry: EngineVerb {
    static let verb = "retry"
    static let statuses: Set<InstanceStatus> = [.faulted]
    static let configuration = CommandConfiguration(
      abstract: "Tries the failed task of faulted instances again, and goes on from there.",
      discussion: """
        What was completed is not done again. A call whose outcome is unknown (a timeout) goes out under its old \
        idempotency key, so that its effect happens once; one that failed for good goes out under a new one. Of an open \
        instance, the task that pauses before its next attempt is tried at once.

        Examples:
          mediatorctl instances retry 3f2a
          mediatorctl instances retry --workflow equipment-status --error timeout --since 2h --yes
          mediatorctl instances retry --task /do/1/store --limit 50 --dry-run
        """)

    @OptionGroup var options: VerbOptions

    func operation() -> Operation { .retry }
  }

  struct Skip: EngineVerb {
    static let verb = "skip"
    static let statuses: Set<InstanceStatus> = [.faulted]
    static let configuration = CommandConfiguration(
      abstract: "Takes the failed task, or an open one, as completed with the output that is given.",
      discussion: """
        Without --task it is the task that failed. A reply that still comes is stale.

        Examples:
          mediatorctl instances skip 3f2a --with '{"stored": true}' --reason "stored by hand"
          mediatorctl instances skip 3f2a --task /do/2/notify --with null
        """)

    @Option(
      name: .customLong("with"), help: ArgumentHelp("The raw output: JSON, @FILE, or -.", valueName: "json|@file|-"))
    var rawOutput: String
    @OptionGroup var options: VerbOptions

    func operation() throws -> Operation {
      .skip(
        task: options.targets.ids.isEmpty ? nil : options.targets.query.task,
        output: try readJSON(rawOutput, option: "--with"))
    }
  }

  struct Override: EngineVerb {
    static let verb = "override"
    static let statuses: Set<InstanceStatus> = [.faulted]
    static let configuration = CommandConfiguration(
      abstract: "Replaces data that an instance goes on with: its context, or the input of a task.",
      discussion: """
        The input is that of the failed task, or of the open one that --task names and that pauses before its next \
        attempt. What it changes takes effect with 'retry', or with the next attempt.

        Examples:
          mediatorctl instances override 3f2a --input '{"equipment": "press-1"}' --reason "wrong id"
          mediatorctl instances override 3f2a --context @context.json && mediatorctl instances retry 3f2a
        """)

    @Option(help: ArgumentHelp("The raw input of the task: JSON, @FILE, or -.", valueName: "json|@file|-"))
    var input: String?
    @Option(help: ArgumentHelp("The new $context: JSON, @FILE, or -.", valueName: "json|@file|-"))
    var context: String?
    @OptionGroup var options: VerbOptions

    func validate() throws {
      guard (input == nil) != (context == nil) else { throw ValidationError("Give --input or --context.") }
    }

    func operation() throws -> Operation {
      if let context { return .override(.context, try readJSON(context, option: "--context")) }
      let task = options.targets.ids.isEmpty ? nil : options.targets.query.task
      return .override(.input(task: task), try readJSON(input ?? "", option: "--input"))
    }
  }

  struct Replay: InstanceVerb {
    static let verb = "replay"
    static let statuses: Set<InstanceStatus> = [.faulted, .cancelled]
    static let configuration = CommandConfiguration(
      abstract: "Starts new instances from the events that started these.",
      discussion: """
        The new one has an id of its own: everything that its workflow does, it does again. It runs the same version, \
        or the latest one.

        Examples:
          mediatorctl instances replay 3f2a --latest
          mediatorctl instances replay --workflow equipment-status --status faulted --since 1d --dry-run
        """)

    @Flag(help: "Runs the latest version of the workflow.")
    var latest = false
    @OptionGroup var options: VerbOptions

    func arguments() -> JSON { ["latest": .bool(latest)] }
  }
}
