import Values

/// Replies with the data it is given. For tests and benchmarks.
public struct EchoHandler: BatchHandler {
  public init() {}
  public func validate(_ event: ProcessorEvent) -> Validated<JSON> { .work(event.data) }
}

/// Remembers what it replied to the last events. A restart forgets it, which is no harm where there is no effect.
public actor EchoStore: BatchStore {
  private let capacity: Int
  private var replies: [String: Outcome] = [:]
  private var order: [String] = []
  private var oldest = 0

  public init(capacity: Int = 10_000) { self.capacity = capacity }

  public func settle(_ items: [BatchItem<JSON>]) -> [Settlement] {
    items.map { item in
      if let known = replies[item.idempotencyKey] { return Settlement(known, wasKnown: true) }
      let outcome: Outcome =
        switch item.work {
        case .work(let data): .completed(data)
        case .refused(let failure): .failed(failure)
        }
      remember(outcome, item.idempotencyKey)
      return Settlement(outcome, wasKnown: false)
    }
  }

  private func remember(_ outcome: Outcome, _ key: String) {
    replies[key] = outcome
    if order.count < capacity { return order.append(key) }
    replies[order[oldest]] = nil
    order[oldest] = key
    oldest = (oldest + 1) % capacity
  }
}
