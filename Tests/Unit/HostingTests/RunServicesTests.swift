import Glibc
@testable import Hosting
import Logging
import ServiceLifecycle
import Synchronization
import Testing

/// One at a time: signals go to the whole process.
@Suite(.serialized) struct RunServicesTests {
  private struct Failure: Error {}

  private struct ClosureService: Service {
    let body: @Sendable () async throws -> Void

    func run() async throws { try await body() }
  }

  private struct Misfit: ExitStatusError {
    let exitStatus: Int32 = 78
  }

  @Test func anErrorMayBringItsStatus() async {
    #expect(await runner().run([ClosureService { throw Misfit() }]) == 78)
  }

  private let started = AsyncStream.makeStream(of: Void.self)
  private let exits = AsyncStream.makeStream(of: Int32.self)

  private func runner(limit: Duration = .seconds(60)) -> ServiceRunner {
    let silent = Logger(label: "t") { _ in SwiftLogNoOpLogHandler() }
    return ServiceRunner(logger: silent, limit: limit) { [exits] status in exits.continuation.yield(status) }
  }

  /// Runs until it is asked to end gracefully.
  private var patient: ClosureService {
    ClosureService { [started] in
      started.continuation.yield()
      try await gracefulShutdown()
    }
  }

  /// Does not end when asked, only when `release` is called.
  private func stubborn(_ release: AsyncStream<Void>) -> ClosureService {
    ClosureService { [started] in
      started.continuation.yield()
      for await _ in release {}
    }
  }

  @Test(arguments: [SIGTERM, SIGINT])
  func aSignalEndsTheServicesGracefully(_ signal: Int32) async {
    let runner = runner()
    async let status = runner.run([patient, patient])
    for await _ in started.stream.prefix(2) {}
    kill(getpid(), signal)
    #expect(await status == ExitStatus.success)
  }

  @Test func aSecondSignalEndsAtOnce() async {
    let (release, releasing) = AsyncStream.makeStream(of: Void.self)
    let runner = runner()
    async let status = runner.run([stubborn(release)])
    for await _ in started.stream { break }
    kill(getpid(), SIGTERM)
    // Signals of the same kind merge as long as the first one is not taken.
    while !runner.isEnding { await Task.yield() }
    kill(getpid(), SIGINT)
    for await exit in exits.stream {
      #expect(exit == 130)
      break
    }
    releasing.finish()
    _ = await status
  }

  @Test func theLimitEndsAtOnce() async {
    let (release, releasing) = AsyncStream.makeStream(of: Void.self)
    let runner = runner(limit: .milliseconds(50))
    async let status = runner.run([stubborn(release)])
    for await _ in started.stream { break }
    kill(getpid(), SIGTERM)
    for await exit in exits.stream {
      #expect(exit == ExitStatus.shutdownTimeout)
      break
    }
    releasing.finish()
    _ = await status
  }

  @Test func aFailingServiceEndsTheOthersGracefully() async {
    let status = await runner().run([patient, ClosureService { throw Failure() }])
    #expect(status == ExitStatus.failure)
  }

  @Test func theLimitAlsoHoldsAfterAFailure() async {
    let (release, releasing) = AsyncStream.makeStream(of: Void.self)
    let runner = runner(limit: .milliseconds(50))
    async let status = runner.run([stubborn(release), ClosureService { throw Failure() }])
    for await exit in exits.stream {
      #expect(exit == ExitStatus.shutdownTimeout)
      break
    }
    releasing.finish()
    #expect(await status == ExitStatus.failure)
  }

  @Test func aServiceThatIsDoneEndsTheOthersGracefully() async {
    #expect(await runner().run([patient, ClosureService {}]) == ExitStatus.success)
  }
}
