import HTTP
import HTTPCalls
import Synchronization

@testable import Processors

/// Gives every request the same answer.
final class TestNetwork: HTTPTransport {
  private let answer: HTTPResponse
  private let seen = Mutex<[HTTPRequest]>([])

  init(_ answer: HTTPResponse) { self.answer = answer }

  var requests: [HTTPRequest] { seen.withLock { $0 } }

  func send(_ request: HTTPRequest) async throws(HTTPError) -> HTTPResponse {
    seen.withLock { $0.append(request) }
    return answer
  }
}

/// An inbox in memory that fails as it is told.
final class TestEffectLedger: EffectLedger {
  private struct State {
    var inbox: [String: Outcome] = [:]
    var failures = 0
  }

  private let state = Mutex(State())

  var inbox: [String: Outcome] { state.withLock { $0.inbox } }

  func fail(times: Int) { state.withLock { $0.failures = times } }

  func find(_ keys: [String]) async throws(ProcessorError) -> [String: Outcome] {
    inbox.filter { keys.contains($0.key) }
  }

  func settle(_ key: String, _ outcome: Outcome) async throws(ProcessorError) {
    let fails = state.withLock { state in
      guard state.failures == 0 else {
        state.failures -= 1
        return true
      }
      state.inbox[key] = outcome
      return false
    }
    if fails { throw ProcessorError(.store, "away") }
  }
}
