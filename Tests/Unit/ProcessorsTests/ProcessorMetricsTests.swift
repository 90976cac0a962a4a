import Kafka
import Logging
import Synchronization
import Testing
import Values
import Wire

@testable import Processors

@Suite struct ProcessorMetricsTests {
  /// What a server says about a call may repeat the secrets of the call, which only the mediator can tell from the rest.
  @Test func theLogOfAFailureLeadsToTheInstanceAndQuotesNothing() {
    let lines = ToldLines()
    let metrics = ProcessorMetrics(name: "test", logger: Logger(label: "test", factory: { _ in lines }))
    let problem = ProblemDetails(type: "about:blank", status: 422, detail: "GET / answered 422: no such key s3cret")
    let ending = EventResult.Ending.settled(.failed(TaskFailure(problem: problem)), isRepeat: false)
    metrics.count([EventResult(event: event("a"), ending: ending)])
    #expect(lines.all == ["an event could not be acted on: about:blank 422, see instance i"])

    // Without a mediator nothing else tells it.
    let other = event("b")
    let alone = ProcessorEvent(
      place: other.place, idempotencyKey: "b", data: .null, recipient: .nobody(record("b", offset: 1)))
    metrics.count([EventResult(event: alone, ending: ending)])
    #expect(lines.all.last == "an event could not be acted on: \(problem.detail ?? "")")
  }
}

private final class ToldLines: LogHandler {
  private let lines = Mutex<[String]>([])

  var all: [String] { lines.withLock { $0 } }
  var metadata: Logger.Metadata {
    get { [:] }
    set {}
  }
  var logLevel: Logger.Level {
    get { .trace }
    set {}
  }

  subscript(metadataKey _: String) -> Logger.Metadata.Value? {
    get { nil }
    set {}
  }

  func log(event: LogEvent) {
    lines.withLock { $0.append("\(event.message): \(event.metadata?["detail"].map { "\($0)" } ?? "")") }
  }
}
