import CRDKafka
import Glibc
import Synchronization

/// Wakes the one thread that sleeps in `wait(until:)`: an eventfd (eventfd(2)), which librdkafka writes to as well when
/// one of its queues stops being empty. So a single poll(2) waits for everything, without a timeout of its own.
///
/// The descriptor stays open for as long as anyone who might write to it holds this object.
final class WakeUp: Sendable {
  let descriptor: Int32

  init() throws(KafkaError) {
    descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    if descriptor < 0 {
      throw KafkaError(code: .other, name: "EVENTFD", message: "eventfd: \(String(cString: strerror(errno)))")
    }
  }

  deinit { close(descriptor) }

  func signal() {
    var one: UInt64 = 1
    // A full counter (EAGAIN) means that a wake-up is already pending.
    _ = write(descriptor, &one, 8)
  }

  /// Returns after a signal (which is consumed), or at the deadline; nil waits for a signal alone.
  ///
  /// - Returns: whether there was a signal.
  @discardableResult
  func wait(until deadline: ContinuousClock.Instant?) -> Bool {
    var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    let timeout = deadline.map { milliseconds(ContinuousClock.now.duration(to: $0)) } ?? -1
    if poll(&request, 1, timeout) <= 0 { return false }
    var count: UInt64 = 0
    return read(descriptor, &count, 8) == 8
  }

  /// Tells librdkafka to signal whenever `queue` stops being empty.
  func attach(to queue: OpaquePointer) {
    var one: UInt64 = 1
    rd_kafka_queue_io_event_enable(queue, descriptor, &one, 8)
  }
}

/// Messages from any thread to the thread that owns a handle, in order.
final class Mailbox<Message: Sendable>: Sendable {
  private struct State {
    var messages: [Message] = []
    var isOpen = true
  }

  let wakeUp: WakeUp
  private let state = Mutex(State())

  init(wakeUp: WakeUp) { self.wakeUp = wakeUp }

  /// - Returns: false when the mailbox is closed; the message was not taken then.
  func post(_ message: Message) -> Bool {
    let (accepted, first) = state.withLock { state in
      guard state.isOpen else { return (false, false) }
      state.messages.append(message)
      return (true, state.messages.count == 1)
    }
    // The owner takes all messages at once, so only the first one after that has to wake it.
    if first { wakeUp.signal() }
    return accepted
  }

  func drain() -> [Message] {
    state.withLock { state in
      if state.messages.isEmpty { return [] }
      defer { state.messages = [] }
      return state.messages
    }
  }

  /// Refuses messages from now on, and returns those that were not taken yet.
  func close() -> [Message] {
    state.withLock { state in
      state.isOpen = false
      defer { state.messages = [] }
      return state.messages
    }
  }
}
