import CRDKafka
import Glibc
import Synchronization

/// Slows fetching down where a broker answers at once although it has no records.
///
/// Kafka keeps a fetch for `fetch.wait.max.ms` until there is something to tell (KIP-41 and the Fetch API). A broker that
/// does not would make librdkafka 2.0.2, which asks again at once, spin with a whole core on either side. librdkafka
/// does not say how many records an answer has, but what comes at once and has the same size as the one before is
/// empty, or does not get worse by being a few milliseconds older. Such an answer is held up in the thread of its broker
/// connection, so that one fetch takes 8 ms at
/// least, and 24 ms once nothing has come for some seconds; a group's coordinator has a connection of its own.
final class FetchPacer: Sendable {
  private struct Answers {
    var size = -1
    /// How many in a row had that size.
    var count = 0
  }

  private let brokers = Mutex<[Int32: Answers]>([:])

  /// To be called before the handle is made from `conf`; this object has to live as long as that handle.
  func install(in conf: OpaquePointer) {
    let pacer = Unmanaged.passUnretained(self).toOpaque()
    rd_kafka_conf_interceptor_add_on_new(
      conf, "fetch-pacer", { handle, _, pacer, _, _ in addFetchPacer(to: handle, pacer) }, pacer)
  }

  /// - Parameter roundTrip: microseconds.
  /// - Returns: for how many microseconds to hold up the answer.
  func delay(broker: Int32, size: Int, roundTrip: Int64) -> UInt32 {
    brokers.withLock { brokers in
      var answers = brokers[broker] ?? Answers()
      defer { brokers[broker] = answers }
      guard size == answers.size, size < 65_536 else {
        answers = Answers(size: size)
        return 0
      }
      answers.count += 1
      // A pause between bursts is short; what has been quiet for half a second may wait a little longer, and a mediator
      // whose consumers are all idle must cost next to nothing.
      let interval: Int64 =
        switch answers.count {
        case ..<5: 1000
        case ..<100: 4000
        case ..<600: 8000
        default: 24_000
        }
      return UInt32(max(0, interval - max(0, roundTrip)))
    }
  }
}

private func addFetchPacer(to handle: OpaquePointer?, _ pacer: UnsafeMutableRawPointer?) -> rd_kafka_resp_err_t {
  rd_kafka_interceptor_add_on_response_received(
    handle, "fetch-pacer",
    { _, _, _, broker, api, _, _, size, roundTrip, error, pacer in
      let fetch: Int16 = 1
      if api == fetch, error == RD_KAFKA_RESP_ERR_NO_ERROR, let pacer {
        let pacer = Unmanaged<FetchPacer>.fromOpaque(pacer).takeUnretainedValue()
        let delay = pacer.delay(broker: broker, size: size, roundTrip: roundTrip)
        // Holds up the broker's own thread, and no other: this is how its fetches are slowed down.
        if delay > 0 { usleep(delay) }
      }
      return RD_KAFKA_RESP_ERR_NO_ERROR
    }, pacer)
}
