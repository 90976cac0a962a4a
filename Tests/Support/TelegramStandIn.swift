import Synchronization
import Values

/// Telegram's Bot API on a loopback port: `getMe` and `sendMessage`, with the documented limits and errors, and faults on
/// demand.
public final class TelegramStandIn: Sendable {
  /// An accepted message.
  public struct Message: Sendable, Hashable {
    public let id: Int
    public let chat: Int64
    /// Without markup.
    public let text: String
    public let markup: String
    public let parseMode: String?
    public let isSilent: Bool
    /// When it was accepted, by the stand-in's clock.
    public let time: Duration
  }

  public enum Chat: Sendable, Hashable {
    case open, blocked, kicked
    /// A group that became a supergroup of this id.
    case migrated(to: Int64)
  }

  public enum Fault: Sendable, Hashable {
    /// Answers with this status, and a page as a proxy in front would, instead of doing anything.
    case status(Int)
    /// Does everything right, so much later.
    case slow(Duration)
    /// Accepts the message, then closes the connection without an answer.
    case dropAfterAccepting
    /// Closes the connection and does nothing.
    case drop
  }

  public static let token = "123456:AAH-stand-in_token"

  private let desk: TelegramDesk
  private let server: LoopbackHTTPServer

  /// What a client is configured with in place of `https://api.telegram.org`.
  public var baseURL: String { server.url }

  /// - Parameters:
  ///   - chats: all there are.
  ///   - now: the clock that limits are measured by, from any start; the system's if nil.
  public init(
    chats: [Int64: Chat] = [42: .open], limits: TelegramLimits = TelegramLimits(),
    token: String = TelegramStandIn.token, now: (@Sendable () -> Duration)? = nil
  ) async throws {
    let desk = TelegramDesk(TelegramState(token: token, chats: chats, limits: limits), now: now)
    self.desk = desk
    server = try await LoopbackHTTPServer { await desk.answer($0) }
  }

  /// All accepted messages, in order.
  public var messages: [Message] { desk.shared.withLock { $0.state.messages } }

  /// The status of every answer given, in order; 0 where the connection was closed instead.
  public var statuses: [Int] { desk.shared.withLock { $0.statuses } }

  public func set(chat: Int64, to state: Chat) { desk.shared.withLock { $0.state.chats[chat] = state } }

  /// Does so to the next requests, one each.
  public func next(_ faults: Fault...) { desk.shared.withLock { $0.faults += faults } }

  public func stop() async { await server.stop() }
}

/// Takes requests to the state, one at a time.
private final class TelegramDesk: Sendable {
  struct Shared {
    var state: TelegramState
    var faults: [TelegramStandIn.Fault] = []
    var statuses: [Int] = []
  }

  let shared: Mutex<Shared>
  private let now: @Sendable () -> Duration

  init(_ state: TelegramState, now: (@Sendable () -> Duration)?) {
    let start = ContinuousClock.now
    self.now = now ?? { ContinuousClock.now - start }
    shared = Mutex(Shared(state: state))
  }

  func answer(_ request: LoopbackHTTPServer.Request) async -> LoopbackHTTPServer.Answer {
    let fault = shared.withLock { $0.faults.isEmpty ? nil : $0.faults.removeFirst() }
    switch fault {
    case nil: return handle(request)
    case .slow(let delay):
      // The fault itself: an answer that comes late.
      try? await Task.sleep(for: delay)
      return handle(request)
    case .status(let status):
      record(status)
      return .text(status, "<html><body>\(status)</body></html>", headers: [("Content-Type", "text/html")])
    case .drop:
      record(0)
      return .drop
    case .dropAfterAccepting:
      _ = handle(request, status: 0)
      return .drop
    }
  }

  private func handle(_ request: LoopbackHTTPServer.Request, status: Int? = nil) -> LoopbackHTTPServer.Answer {
    let parameters = TelegramParameters.read(request)
    let date = Int(Timestamp.now().microseconds / 1_000_000)
    let answer = shared.withLock { shared in
      let answer =
        parameters.map {
          shared.state.answer(TelegramParameters.decoded(request.path), $0, at: now(), date: date)
        } ?? .badRequest("can't parse the request's body")
      shared.statuses.append(status ?? answer.status)
      return answer
    }
    return .text(answer.status, answer.body.text, headers: [("Content-Type", "application/json")])
  }

  private func record(_ status: Int) { shared.withLock { $0.statuses.append(status) } }
}
