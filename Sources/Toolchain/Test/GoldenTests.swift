import Engine
import Values
import Workflow

/// The golden tests of one definition: what it is given, and what has to come of it.
public struct GoldenTests: Sendable {
  /// The file with the definition, relative to that of the tests; nil: the one with the same name.
  public let definition: String?
  /// Files and folders with the other workflows that it may start.
  public let others: [String]
  public let cases: [Case]

  public struct Case: Sendable {
    public let name: String
    public let location: SourceLocation
    public let start: Start
    public let mocks: Mocks
    public let expectation: Expectation
  }

  public enum Start: Sendable, Hashable {
    case event(JSON)
    case input(JSON)
  }

  public struct Expectation: Sendable {
    public var status = InstanceStatus.completed
    public var output: Value?
    /// The members that are named have to agree.
    public var error: JSON?
    public var calls: [Call]?
    /// Of each event the attributes that are named have to agree.
    public var emitted: [JSON]?
    public var duration: Duration?
    /// The names of the tasks that ran, in the order in which they started.
    public var tasks: [String]?
  }

  public struct Value: Sendable, Hashable {
    public let json: JSON
    /// Whether objects may have other members too.
    public let isPartial: Bool
  }

  public struct Call: Sendable, Hashable {
    public let channel: String
    public var task: String?
    public var data: Value?
    public var attempts: Int?
    /// From the start of the run to its first attempt.
    public var at: Duration?
  }
}

/// What became of one case.
public struct GoldenResult: Sendable {
  public struct Failure: Sendable, Hashable {
    /// What is not as expected: `status`, `output` …
    public let subject: String
    public let lines: [String]

    public init(subject: String, lines: [String]) {
      self.subject = subject
      self.lines = lines
    }
  }

  public let name: String
  public let location: SourceLocation
  public let failures: [Failure]

  public init(name: String, location: SourceLocation, failures: [Failure]) {
    self.name = name
    self.location = location
    self.failures = failures
  }

  public var hasPassed: Bool { failures.isEmpty }
}

extension GoldenTests.Case {
  /// Runs the case on the engine, with its mocks.
  public func run(_ definition: WorkflowDefinition, _ catalog: LocalCatalog) async -> GoldenResult {
    let input: JSON
    do throws(StartProblem) {
      switch start {
      case .input(let value): input = value
      case .event(let event): input = try definition.input(startedBy: event, at: mocks.start ?? LocalRun.defaultStart)
      }
    } catch {
      let lines = [error.description, error.hint].compactMap(\.self)
      return GoldenResult(
        name: name, location: location, failures: [GoldenResult.Failure(subject: "event", lines: lines)])
    }
    let run = await LocalRunner(mocks: mocks.http).run(
      LocalRun(definition, input: input, mocks: mocks, catalog: catalog))
    return GoldenResult(name: name, location: location, failures: expectation.failures(of: run))
  }
}
