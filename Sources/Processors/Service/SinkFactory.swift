import HTTP
import HTTPCalls
import Hosting
import Logging
import Values

/// The sink of a processor with what has to be closed after it.
struct OpenSink: Sendable {
  let sink: any EventSink
  let close: @Sendable () async -> Void
}

extension ProcessorOptions {
  /// - Throws: `configuration`.
  func openSink(storeLog: StateLog, logger: Logger) throws(ProcessorError) -> OpenSink {
    let clock = SystemClock()
    switch kind {
    case .echo:
      return OpenSink(sink: BatchSink(handler: EchoHandler(), store: EchoStore(), clock: clock)) {}
    case .persistence(let tables): return try postgresSink(PersistenceHandler(tables: tables), clock)
    case .alerts(let rules): return try postgresSink(AlertsHandler(rules: rules), clock)
    case .telegram(let telegram): return try telegramSink(telegram, storeLog, clock, logger)
    case .http(let http): return try httpSink(http, storeLog, clock, logger)
    case .asyncAPI(let asyncAPI): return try asyncAPISink(asyncAPI, storeLog, clock, logger)
    }
  }

  private func postgresSink(
    _ handler: some PostgresHandler, _ clock: SystemClock
  ) throws(ProcessorError) -> OpenSink {
    guard let database else { throw ProcessorError(.configuration, "the processor '\(name)' needs a database") }
    let store = PostgresBatchStore(
      handler: handler, processor: inboxName, configuration: database, timeout: databaseTimeout)
    return OpenSink(sink: BatchSink(handler: handler, store: store, clock: clock)) { await store.close() }
  }

  private func telegramSink(
    _ telegram: TelegramOptions, _ storeLog: StateLog, _ clock: SystemClock, _ logger: Logger
  ) throws(ProcessorError) -> OpenSink {
    guard let database else { throw ProcessorError(.configuration, "the processor '\(name)' needs a database") }
    let ledger = PostgresTelegramLedger(processor: inboxName, configuration: database, timeout: databaseTimeout)
    var client: HTTPClient?
    var sender: TelegramAPI?
    if let token = telegram.token {
      let made = try Self.httpClient()
      client = made
      sender = try TelegramAPI(client: made, baseURL: telegram.baseURL, token: token, timeout: telegram.timeout)
    } else {
      logger.notice("no Telegram token: messages are printed, not sent")
    }
    let handler = TelegramHandler(
      chats: telegram.chats, ledger: ledger, sender: sender, limits: telegram.limits, now: clock.now(), logger: logger,
      print: writeToStandardOutput)
    let sink = EffectSink(
      handler: handler, inbox: ledger, clock: clock, storeLog: storeLog, concurrency: concurrency)
    return OpenSink(sink: sink) { [client] in
      client?.close()
      await ledger.close()
    }
  }

  private func httpSink(
    _ http: HTTPOptions, _ storeLog: StateLog, _ clock: SystemClock, _ logger: Logger
  ) throws(ProcessorError) -> OpenSink {
    guard let database else { throw ProcessorError(.configuration, "the processor '\(name)' needs a database") }
    let ledger = PostgresEffectLedger(processor: inboxName, configuration: database, timeout: databaseTimeout)
    let client = try http.client()
    let handler = HTTPHandler(
      caller: HTTPCaller(client: client, options: http.calls), ledger: ledger, logger: logger)
    let sink = EffectSink(
      handler: handler, inbox: ledger, clock: clock, storeLog: storeLog, concurrency: concurrency)
    return OpenSink(sink: sink) {
      client.close()
      await ledger.close()
    }
  }

  private func asyncAPISink(
    _ asyncAPI: AsyncAPIOptions, _ storeLog: StateLog, _ clock: SystemClock, _ logger: Logger
  ) throws(ProcessorError) -> OpenSink {
    guard let database else { throw ProcessorError(.configuration, "the processor '\(name)' needs a database") }
    let ledger = PostgresEffectLedger(processor: inboxName, configuration: database, timeout: databaseTimeout)
    let client = try asyncAPI.http.client()
    let publisher = KafkaMessagePublisher(timeout: asyncAPI.timeout, logger: logger)
    let handler = AsyncAPIHandler(
      reader: AsyncAPIReader(client: client, options: asyncAPI.http.calls), options: asyncAPI, own: kafka,
      publisher: publisher, ledger: ledger, logger: logger)
    let sink = EffectSink(
      handler: handler, inbox: ledger, clock: clock, storeLog: storeLog, concurrency: concurrency)
    return OpenSink(sink: sink) {
      client.close()
      await publisher.close()
      await ledger.close()
    }
  }

  private static func httpClient() throws(ProcessorError) -> HTTPClient {
    do throws(HTTPError) {
      return try HTTPClient()
    } catch {
      throw ProcessorError(.configuration, "\(error)")
    }
  }
}
