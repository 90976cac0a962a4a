import Engine
import HTTP
import HTTPCalls
import Synchronization
import Values
import Workflow

/// Drives a local run to its end. The calls on channel `http` go the way that the processor of that channel takes them,
/// but for their transport: the mocks answer, or a real client.
public struct LocalRunner: Sendable {
  private let transport: LocalTransport
  private let caller: HTTPCaller
  private let clock: VirtualClock
  private let isLive: Bool

  /// - Parameters:
  ///   - mocks: of HTTP servers.
  ///   - live: makes the requests that no mock answers; nil: nothing does.
  ///   - allowed: what ``live`` may reach.
  public init(
    mocks: [HTTPPattern: Script<HTTPAnswer>], live: (any HTTPTransport)? = nil,
    allowed: [HostPattern] = LocalRunner.everywhere
  ) {
    let clock = VirtualClock()
    var options = HTTPCallOptions()
    options.rules = AddressRules(live == nil ? Self.everywhere : allowed)
    transport = LocalTransport(mocks, live: live)
    self.clock = clock
    self.isLive = live != nil
    // Tokens and documents expire by the time that the servers live in.
    let isLive = live != nil
    caller = HTTPCaller(transport: transport, options: options) {
      isLive ? Timestamp.now() : clock.now + (CallTrace.current?.delay ?? .zero)
    }
  }

  /// Any address, this machine and its network included: a run has the rights of its user, as curl has them.
  public static let everywhere = ["0.0.0.0/0", "::/0"].compactMap { HostPattern($0) }

  public func run(_ run: LocalRun) async -> LocalRun {
    var run = run
    while case .perform(let calls) = run.advance() {
      clock.now = run.now
      for (call, result) in await perform(calls) { run.answer(call, result) }
    }
    return run
  }

  /// Calls that go out at the same moment run at the same time; their answers keep the order.
  private func perform(_ calls: [LocalRun.Outgoing]) async -> [(LocalRun.Outgoing, LocalRun.CallResult)] {
    // With mocks alone the order in which they are asked has to be the same in every run.
    guard isLive else {
      var results: [(LocalRun.Outgoing, LocalRun.CallResult)] = []
      for call in calls { results.append((call, await perform(call))) }
      return results
    }
    return await withTaskGroup(of: (Int, LocalRun.CallResult).self) { group in
      for (place, call) in calls.enumerated() { group.addTask { (place, await perform(call)) } }
      var results: [Int: LocalRun.CallResult] = [:]
      for await (place, result) in group { results[place] = result }
      return calls.indices.compactMap { place in results[place].map { (calls[place], $0) } }
    }
  }

  private func perform(_ call: LocalRun.Outgoing) async -> LocalRun.CallResult {
    let trace = CallTrace()
    let began = ContinuousClock.now
    let left = call.request.deadline - call.sentAt
    let outcome = await CallTrace.$current.withValue(trace) {
      await caller.perform(
        call.request.data, idempotencyKey: call.request.idempotencyKey,
        deadline: (isLive ? Timestamp.now() : call.sentAt) + left)
    }
    if let missed = trace.missed { return .unanswered(reason: missed) }
    let duration = trace.delay + (trace.isLive ? began.duration(to: .now) : .zero)
    switch outcome {
    case .completed(let output): return .answered(.completed(output), after: duration)
    case .failed(let problem, let retryable, let retryAfter):
      return .answered(.failed(problem, retryable: retryable, retryAfter: retryAfter), after: duration)
    }
  }
}

/// The run's time, for whoever cannot be told otherwise.
private final class VirtualClock: Sendable {
  private let time = Mutex(LocalRun.defaultStart)

  var now: Timestamp {
    get { time.withLock { $0 } }
    set { time.withLock { $0 = newValue } }
  }
}

/// What happened to one call on its way.
private final class CallTrace: Sendable {
  private struct State {
    var delay = Duration.zero
    var missed: String?
    var isLive = false
  }

  private let state = Mutex(State())
  @TaskLocal static var current: CallTrace?

  /// How long its mocks took.
  var delay: Duration { state.withLock { $0.delay } }
  /// The request that no mock answers.
  var missed: String? { state.withLock { $0.missed } }
  var isLive: Bool { state.withLock { $0.isLive } }

  func wait(_ duration: Duration) { state.withLock { $0.delay += duration } }
  func miss(_ reason: String) { state.withLock { $0.missed = $0.missed ?? reason } }
  func goLive() { state.withLock { $0.isLive = true } }
}

/// Answers requests from mocks, the others from the network where that is wanted.
private final class LocalTransport: HTTPTransport {
  private let scripts: Mutex<[HTTPPattern: Script<HTTPAnswer>]>
  /// The most exact pattern first: the longest.
  private let patterns: [HTTPPattern]
  private let live: (any HTTPTransport)?

  init(_ scripts: [HTTPPattern: Script<HTTPAnswer>], live: (any HTTPTransport)?) {
    self.scripts = Mutex(scripts)
    patterns = scripts.keys.sorted { left, right in
      if left.uri.count != right.uri.count { return left.uri.count > right.uri.count }
      return (left.uri, right.method) < (right.uri, left.method)
    }
    self.live = live
  }

  func send(_ request: HTTPRequest) async throws(HTTPError) -> HTTPResponse {
    guard let step = try step(for: request) else {
      if let live {
        CallTrace.current?.goLive()
        return try await live.send(request)
      }
      let known = patterns.map { "\($0.method) \($0.uri)" }.joined(separator: ", ")
      let reason =
        "no mock under 'http' answers \(request)" + (known.isEmpty ? "; --live performs it" : " (there are: \(known))")
      CallTrace.current?.miss(reason)
      throw HTTPError(.other, reason)
    }
    let delay = if case .silent = step.content { request.timeout } else { step.after }
    CallTrace.current?.wait(min(delay, request.timeout))
    guard delay < request.timeout else { throw HTTPError(.timeout, "\(request) was not answered in time") }
    switch step.content {
    case .response(let status, let headers, let body): return try response(status, headers, body, to: request)
    case .unreachable, .silent: throw HTTPError(.connect, "\(request): no connection")
    }
  }

  private func step(for request: HTTPRequest) throws(HTTPError) -> Script<HTTPAnswer>.Step? {
    for pattern in patterns where pattern.matches(method: request.method, uri: request.url) {
      let found = scripts.withLock { scripts -> Result<Script<HTTPAnswer>.Step?, ExpressionFailure> in
        do {
          return .success(try scripts[pattern]?.next(request.json) { _ in nil })
        } catch {
          return .failure(ExpressionFailure(text: "\(error)"))
        }
      }
      switch found {
      case .success(let step?): return step
      case .success(nil): continue
      case .failure(let failure): throw miss("its mock failed: \(failure.text)")
      }
    }
    return nil
  }

  private struct ExpressionFailure: Error { let text: String }

  private func miss(_ reason: String) -> HTTPError {
    CallTrace.current?.miss(reason)
    return HTTPError(.other, reason)
  }

  private func response(
    _ status: Int, _ headers: Template?, _ body: Template?, to request: HTTPRequest
  ) throws(HTTPError) -> HTTPResponse {
    do {
      let named = try headers?.evaluate(request.json) { _ in nil }.object ?? [:]
      var headers = named.map { HTTPHeader($0.key, $0.value.string ?? $0.value.text) }
      let content = try body?.evaluate(request.json) { _ in nil }
      let type = content?.string == nil ? "application/json" : "text/plain; charset=utf-8"
      if content != nil, !headers.contains(where: { $0.name.lowercased() == "content-type" }) {
        headers.append(HTTPHeader("Content-Type", type))
      }
      let bytes: [UInt8] =
        switch content {
        case nil: []
        case .string(let text): Array(text.utf8)
        case .some(let value): value.serialized()
        }
      var response = HTTPResponse(status: status, headers: headers, body: bytes)
      if let location = response.header("Location") {
        response.redirectURL = try? HTTPURL(location, relativeTo: HTTPURL(request.url)).text
      }
      return response
    } catch {
      throw miss("its mock failed: \(error)")
    }
  }
}

extension HTTPRequest {
  /// What answers of mocks may look at.
  fileprivate var json: JSON {
    var headers = JSONObject()
    for header in self.headers { headers[header.name.lowercased()] = .string(header.value) }
    let text = body.map { String(decoding: $0, as: UTF8.self) }
    let content = body.flatMap { try? JSON.parse($0) } ?? text.map { .string($0) } ?? .null
    return ["method": .string(method), "uri": .string(url), "headers": .object(headers), "body": content]
  }
}
