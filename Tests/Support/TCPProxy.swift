import Glibc
import Synchronization
import Threads

/// Forwards loopback connections to a server on loopback, and can spoil them: cut, freeze (half-open links), delay.
///
/// Each change is in force when the call returns: after `freeze` not one more byte is passed on.
public final class TCPProxy: Sendable {
  public struct Direction: OptionSet, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }
    public static let toServer = Direction(rawValue: 1)
    public static let toClient = Direction(rawValue: 2)
    public static let both: Direction = [.toServer, .toClient]
  }

  public struct Failure: Error, CustomStringConvertible {
    public let description: String
  }

  /// Where clients connect, at 127.0.0.1.
  public let port: Int
  private let forwarder: Forwarder

  /// - Parameter server: the port at 127.0.0.1 to forward to; need not be open yet.
  /// - Parameter port: to listen on; nil for any that is free.
  public init(to server: Int, port: Int? = nil) throws {
    let listener = try Socket.listen(port: port ?? 0)
    self.port = try Socket.port(of: listener)
    forwarder = Forwarder(listener: listener, server: server)
    let forwarder = forwarder
    startThread(named: "test-tcp-proxy") { forwarder.run() }
  }

  deinit { stop() }

  /// Ends every connection there is; new ones are possible.
  public func cut() { forwarder.change { state in state.pairs.forEach { $0.shutdown() } } }

  /// From now on bytes of this direction are held back, on old and new connections; nobody is told.
  public func freeze(_ direction: Direction = .both) { forwarder.change { $0.frozen.formUnion(direction) } }

  /// Passes on what was held back, and all that follows.
  public func thaw() { forwarder.change { $0.frozen = [] } }

  /// New connections are accepted and closed at once, as long as this is set. Old ones go on.
  public func refuse(_ refusing: Bool) { forwarder.change { $0.isRefusing = refusing } }

  /// Every byte arrives this much later, in both directions.
  public func delay(_ delay: Duration) { forwarder.change { $0.delay = delay } }

  /// The next so many answers with these bytes are swallowed, and their connections ended: the server has done what it
  /// was asked, and the client does not hear of it. An answer that arrives in two pieces may be missed: see `swallowed`.
  public func swallow(_ answer: [UInt8], times: Int) {
    forwarder.change { state in
      state.spoiler.swallowing = answer
      state.spoiler.remaining = times
    }
  }

  /// How many answers were swallowed so far.
  public var swallowed: Int { forwarder.change { $0.spoiler.swallowed } }

  /// From now on the server's answers have these bytes replaced, wherever they stand: for servers that tell their own
  /// address. Both must be of one length.
  public func replace(_ bytes: [UInt8], with others: [UInt8]) {
    precondition(bytes.count == others.count)
    forwarder.change { $0.spoiler.replacement = (bytes, others) }
  }

  /// Connections open at this moment.
  public var connections: Int { forwarder.change { $0.pairs.count } }

  /// Connections ever accepted.
  public var accepted: Int { forwarder.change { $0.accepted } }

  /// Ends every connection and the proxy.
  public func stop() { forwarder.change { $0.isStopped = true } }
}

/// What becomes of the server's answers.
private struct Spoiler {
  var swallowing: [UInt8] = []
  var remaining = 0
  var swallowed = 0
  var replacement: (from: [UInt8], to: [UInt8])?

  /// - Returns: nil when they are to be swallowed.
  mutating func spoil(_ bytes: [UInt8]) -> [UInt8]? {
    if remaining > 0, Self.place(of: swallowing, in: bytes, from: 0) != nil {
      remaining -= 1
      swallowed += 1
      return nil
    }
    guard let replacement else { return bytes }
    var bytes = bytes
    var start = 0
    while let place = Self.place(of: replacement.from, in: bytes, from: start) {
      start = place + replacement.from.count
      bytes.replaceSubrange(place..<start, with: replacement.to)
    }
    return bytes
  }

  private static func place(of pattern: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
    guard let first = pattern.first, bytes.count - start >= pattern.count else { return nil }
    return (start...(bytes.count - pattern.count)).first { place in
      bytes[place] == first && bytes[place..<(place + pattern.count)].elementsEqual(pattern)
    }
  }
}

/// One direction of a connection: what was read and may not be written yet.
private struct Stream {
  var chunks: [(bytes: [UInt8], release: ContinuousClock.Instant)] = []
  var written = 0
  var held = 0
  /// The source has said that there is no more.
  var isEnded = false
  var isEndPassedOn = false

  static let limit = 4 * 1024 * 1024

  var canRead: Bool { !isEnded && held < Self.limit }

  func canWrite(at now: ContinuousClock.Instant) -> Bool { chunks.first.map { $0.release <= now } ?? false }

  /// - Returns: false when the connection is broken.
  mutating func read(from source: Int32, delay: Duration, spoiler: inout Spoiler) -> Bool {
    read(from: source, delay: delay) { spoiler.spoil($0) }
  }

  mutating func read(from source: Int32, delay: Duration, _ change: ([UInt8]) -> [UInt8]? = { $0 }) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 256 * 1024)
    let count = recv(source, &buffer, buffer.count, 0)
    if count < 0 { return errno == EAGAIN || errno == EINTR }
    if count == 0 {
      isEnded = true
    } else {
      guard let bytes = change(Array(buffer[..<count])) else { return false }
      chunks.append((bytes, .now + delay))
      held += count
    }
    return true
  }

  mutating func write(to target: Int32) -> Bool {
    let now = ContinuousClock.now
    while let chunk = chunks.first, chunk.release <= now {
      let count = chunk.bytes.withUnsafeBytes { bytes in
        send(target, bytes.baseAddress.map { $0 + written }, bytes.count - written, Int32(MSG_NOSIGNAL))
      }
      if count < 0 { return errno == EAGAIN || errno == EINTR }
      held -= count
      written += count
      if written < chunk.bytes.count { return true }
      chunks.removeFirst()
      written = 0
    }
    if isEnded && chunks.isEmpty && !isEndPassedOn {
      Glibc.shutdown(target, Int32(SHUT_WR))
      isEndPassedOn = true
    }
    return true
  }
}

private struct Pair {
  let client: Int32
  let server: Int32
  var toServer = Stream()
  var toClient = Stream()
  var isBroken = false

  var isOver: Bool { isBroken || toServer.isEndPassedOn && toClient.isEndPassedOn }

  func shutdown() {
    Glibc.shutdown(client, Int32(SHUT_RDWR))
    Glibc.shutdown(server, Int32(SHUT_RDWR))
  }

  func close() {
    Glibc.close(client)
    Glibc.close(server)
  }
}

/// The thread that forwards.
private final class Forwarder: Sendable {
  struct State {
    var pairs: [Pair] = []
    var frozen: TCPProxy.Direction = []
    var delay: Duration = .zero
    var spoiler = Spoiler()
    var isRefusing = false
    var isStopped = false
    var accepted = 0
  }

  private let state = Mutex(State())
  private let listener: Int32
  private let server: Int32
  private let wakeRead: Int32
  private let wakeWrite: Int32

  init(listener: Int32, server: Int) {
    self.listener = listener
    self.server = Int32(server)
    var ends: [Int32] = [-1, -1]
    pipe(&ends)
    (wakeRead, wakeWrite) = (ends[0], ends[1])
    for end in ends {
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
  }

  deinit { [listener, wakeRead, wakeWrite].forEach { close($0) } }

  func change<Value: Sendable>(_ body: (inout State) -> Value) -> Value {
    let value = state.withLock { body(&$0) }
    var byte: UInt8 = 0
    _ = write(wakeWrite, &byte, 1)
    return value
  }

  func run() {
    while true {
      var (descriptors, timeout) = state.withLock { interests($0) }
      if descriptors.isEmpty { break }
      poll(&descriptors, nfds_t(descriptors.count), timeout)
      var bytes = [UInt8](repeating: 0, count: 64)
      while read(wakeRead, &bytes, bytes.count) > 0 {}
      state.withLock { forward(&$0, accepting: descriptors[0].revents != 0) }
    }
    state.withLock { state in
      state.pairs.forEach { $0.close() }
      state.pairs = []
    }
    Glibc.shutdown(listener, Int32(SHUT_RDWR))
  }

  /// What to wait for; nothing when stopped. First the listener, then the pipe that wakes.
  private func interests(_ state: State) -> ([pollfd], Int32) {
    if state.isStopped { return ([], 0) }
    let now = ContinuousClock.now
    var descriptors = [
      pollfd(fd: listener, events: Int16(POLLIN), revents: 0), pollfd(fd: wakeRead, events: Int16(POLLIN), revents: 0),
    ]
    var timeout: Int32 = -1
    for pair in state.pairs {
      for (stream, source, target, direction) in [
        (pair.toServer, pair.client, pair.server, TCPProxy.Direction.toServer),
        (pair.toClient, pair.server, pair.client, TCPProxy.Direction.toClient),
      ] where !state.frozen.contains(direction) {
        if stream.canRead { descriptors.append(pollfd(fd: source, events: Int16(POLLIN), revents: 0)) }
        if stream.canWrite(at: now) { descriptors.append(pollfd(fd: target, events: Int16(POLLOUT), revents: 0)) }
        if !stream.chunks.isEmpty && !stream.canWrite(at: now) { timeout = 1 }
      }
    }
    return (descriptors, timeout)
  }

  private func forward(_ state: inout State, accepting: Bool) {
    if accepting { accept(&state) }
    let delay = state.delay
    for index in state.pairs.indices {
      var pair = state.pairs[index]
      var isWell = true
      if !state.frozen.contains(.toServer) {
        if pair.toServer.canRead { isWell = pair.toServer.read(from: pair.client, delay: delay) && isWell }
        isWell = pair.toServer.write(to: pair.server) && isWell
      }
      if !state.frozen.contains(.toClient) {
        if pair.toClient.canRead {
          isWell = pair.toClient.read(from: pair.server, delay: delay, spoiler: &state.spoiler) && isWell
        }
        isWell = pair.toClient.write(to: pair.client) && isWell
      }
      pair.isBroken = !isWell
      state.pairs[index] = pair
    }
    state.pairs.filter(\.isOver).forEach { $0.close() }
    state.pairs.removeAll(where: \.isOver)
  }

  private func accept(_ state: inout State) {
    let client = Glibc.accept(listener, nil, nil)
    guard client >= 0 else { return }
    state.accepted += 1
    guard !state.isRefusing, let server = Socket.connect(port: server) else {
      close(client)
      return
    }
    Socket.prepare(client)
    Socket.prepare(server)
    state.pairs.append(Pair(client: client, server: server))
  }
}

private enum Socket {
  static func listen(port: Int) throws -> Int32 {
    let listener = open()
    var yes: Int32 = 1
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
    _ = fcntl(listener, F_SETFL, O_NONBLOCK)
    guard withLoopback(port: port, { bind(listener, $0, $1) }) == 0, Glibc.listen(listener, 128) == 0 else {
      let reason = String(cString: strerror(errno))
      close(listener)
      throw TCPProxy.Failure(description: "cannot listen on port \(port): \(reason)")
    }
    return listener
  }

  static func port(of listener: Int32) throws -> Int {
    var address = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener, $0, &size) }
    }
    guard status == 0 else { throw TCPProxy.Failure(description: "getsockname: \(String(cString: strerror(errno)))") }
    return Int(UInt16(bigEndian: address.sin_port))
  }

  static func connect(port: Int32) -> Int32? {
    let descriptor = open()
    if withLoopback(port: Int(port), { Glibc.connect(descriptor, $0, $1) }) == 0 { return descriptor }
    close(descriptor)
    return nil
  }

  static func prepare(_ descriptor: Int32) {
    var yes: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, 4)
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
  }

  private static func open() -> Int32 {
    socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
  }

  private static func withLoopback(port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }
}
