import CRDKafka
import Glibc
import Logging
import Threads

/// One `rd_kafka_t`, its event queue, and what all kinds of clients need of it. Only one thread uses it at a time.
///
/// `@unchecked Sendable` is safe because the stored properties are set once, apart from `log` and `nextProbe`, which only
/// the owning thread touches, and because librdkafka's own functions may be called from any thread.
final class ClientHandle: @unchecked Sendable {
  let raw: OpaquePointer
  /// Events that this client asked for, log lines and errors arrive here.
  let queue: OpaquePointer
  let wakeUp: WakeUp
  var log: ConnectionLog
  private var nextProbe: ContinuousClock.Instant?
  /// Kept here because librdkafka calls it for as long as the handle lives.
  private let pacer = FetchPacer()
  private let logger: Logger

  /// - Parameters:
  ///   - defaults: set before the configuration's own properties, which win.
  ///   - fixed: set after them, because the client relies on these.
  ///   - events: `RD_KAFKA_EVENT_…` in addition to log lines and errors.
  /// - Throws: `configuration` when a property is unknown or its value invalid.
  init(
    _ type: rd_kafka_type_t, _ configuration: KafkaConfiguration, defaults: [String: String],
    fixed: [String: String] = [:], events: Int32 = 0, wakeUp: WakeUp, reachability: Reachability, logger: Logger
  ) throws(KafkaError) {
    let conf = try ClientHandle.properties(configuration, defaults: defaults, fixed: fixed)
    if type == RD_KAFKA_CONSUMER { pacer.install(in: conf) }
    rd_kafka_conf_set_events(conf, events | RD_KAFKA_EVENT_LOG | RD_KAFKA_EVENT_ERROR)
    var text = [CChar](repeating: 0, count: 512)
    guard let raw = rd_kafka_new(type, conf, &text, text.count) else {
      rd_kafka_conf_destroy(conf)
      throw KafkaError(code: .configuration, name: "CONFIGURATION", message: string(text))
    }
    // With a group there is a consumer queue, and everything else is led into it.
    if type == RD_KAFKA_CONSUMER, rd_kafka_poll_set_consumer(raw) == RD_KAFKA_RESP_ERR_NO_ERROR {
      queue = rd_kafka_queue_get_consumer(raw)
    } else {
      queue = rd_kafka_queue_get_main(raw)
    }
    rd_kafka_set_log_queue(raw, queue)
    wakeUp.attach(to: queue)
    self.raw = raw
    self.wakeUp = wakeUp
    var logger = logger
    logger[metadataKey: "client"] = "\(String(cString: rd_kafka_name(raw)))"
    self.logger = logger
    log = ConnectionLog(
      logger: logger, reachability: reachability, isTold: configuration.logsReachability)
  }

  private static func properties(
    _ configuration: KafkaConfiguration, defaults: [String: String], fixed: [String: String]
  ) throws(KafkaError) -> OpaquePointer {
    let general = [
      "bootstrap.servers": configuration.bootstrapServers,
      "client.id": configuration.clientID,
      // A broker that comes back is used within a second; the default is ten.
      "reconnect.backoff.max.ms": "1000",
      // A link that is cut without a word is noticed after this long; the default is a minute.
      "socket.timeout.ms": "10000",
      "socket.nagle.disable": "true",
      "log.connection.close": "false",
    ]
    let conf: OpaquePointer = rd_kafka_conf_new()
    let layers = [general, defaults, configuration.properties, fixed, ["log.queue": "true"]]
    for layer in layers {
      for (name, value) in layer.sorted(by: { $0.key < $1.key }) {
        var text = [CChar](repeating: 0, count: 512)
        if rd_kafka_conf_set(conf, name, value, &text, text.count) == RD_KAFKA_CONF_OK { continue }
        rd_kafka_conf_destroy(conf)
        // librdkafka repeats the value in its message, and the value may be a secret.
        let message = mayBeSecret(name) ? "the value of \(name) is not valid" : string(text)
        throw KafkaError(code: .configuration, name: "CONFIGURATION", message: message)
      }
    }
    return conf
  }

  /// The next event that is not a log line or a passing error, or nil when there is none. The caller destroys it.
  func nextEvent() -> OpaquePointer? {
    while let event = rd_kafka_queue_poll(queue, 0) {
      switch rd_kafka_event_type(event) {
      case RD_KAFKA_EVENT_LOG: handleLog(event)
      case RD_KAFKA_EVENT_ERROR where log.absorb(error(of: event)): break
      default: return event
      }
      rd_kafka_event_destroy(event)
    }
    return nil
  }

  /// The error that an event of type `RD_KAFKA_EVENT_ERROR` tells.
  func error(of event: OpaquePointer) -> KafkaError {
    if rd_kafka_event_error_is_fatal(event) != 0, let fatalError { return fatalError }
    let error = KafkaError(rd_kafka_event_error(event), message: String(cString: rd_kafka_event_error_string(event)))
    guard let partition = rd_kafka_event_topic_partition(event) else { return error }
    defer { rd_kafka_topic_partition_destroy(partition) }
    return error.at(String(cString: partition.pointee.topic), partition.pointee.partition)
  }

  private func handleLog(_ event: OpaquePointer) {
    var facility: UnsafePointer<CChar>?
    var text: UnsafePointer<CChar>?
    var level: Int32 = 0
    guard rd_kafka_event_log(event, &facility, &text, &level) == 0, let facility, let text else { return }
    log.line(facility: String(cString: facility), text: String(cString: text), level: level)
  }

  /// The error that made this handle unusable, if one did.
  var fatalError: KafkaError? {
    var text = [CChar](repeating: 0, count: 512)
    let code = rd_kafka_fatal_error(raw, &text, text.count)
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : KafkaError(code, message: string(text), isFatal: true)
  }

  /// Asks the cluster for a sign of life while it seems to be unreachable, once a second. Blocks for at most 50 ms.
  ///
  /// - Returns: when to ask again; nil when there is no need.
  func probe() -> ContinuousClock.Instant? {
    if log.state != .disconnected && log.state != .suspect { return nil }
    if let nextProbe, .now < nextProbe { return nextProbe }
    var metadata: UnsafePointer<rd_kafka_metadata>?
    let status = rd_kafka_metadata(raw, 0, nil, &metadata, 50)
    if let metadata { rd_kafka_metadata_destroy(metadata) }
    if status == RD_KAFKA_RESP_ERR_NO_ERROR {
      log.succeeded()
      return nil
    }
    log.probeFailed()
    nextProbe = .now + .seconds(1)
    return nextProbe
  }

  /// What a call that ran into its time limit should say: the known reason, where there is one.
  func explained(_ error: KafkaError) -> KafkaError {
    while let event = nextEvent() { rd_kafka_event_destroy(event) }
    if !error.isRetriable { return error }
    return log.failure ?? error
  }

  /// Frees the handle on a thread of its own: librdkafka 2.0.2 never returns from it in some states, for example after
  /// a topic that was read has been deleted. The handle must not be used any more.
  ///
  /// - Parameter limit: the caller's thread is held for this long at most; a handle that takes longer is given up.
  func destroy(within limit: Duration) {
    let done = try? WakeUp()
    rd_kafka_queue_destroy(queue)
    startThread(named: "kafka-destroy") {
      // The handle keeps `wakeUp`, so its descriptor is open until librdkafka has ended.
      rd_kafka_destroy_flags(self.raw, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
      done?.signal()
    }
    if let done, limit > .zero, !done.wait(until: .now + limit) {
      logger.warning("librdkafka did not end within \(limit); leaving it behind")
    }
  }
}

private func mayBeSecret(_ name: String) -> Bool {
  ["password", "secret", "key", "token", "pem", "oauthbearer", "jaas"].contains { name.contains($0) }
}

/// A buffer that C has written a string into.
func string(_ text: [CChar]) -> String {
  String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
