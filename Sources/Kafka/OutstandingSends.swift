/// The sends that were accepted and do not have all their results yet.
///
/// Every record gets the next sequence number, which travels through librdkafka as the record's opaque pointer. A report
/// about a number that is not known any more changes nothing.
struct OutstandingSends {
  typealias Completion = @Sendable ([Result<Int64, KafkaError>]) -> Void

  private struct Entry {
    let first: UInt64
    var results: [Result<Int64, KafkaError>]
    var missing: Int
    let completion: Completion
  }

  /// A send with all its results, to be told to whoever asked for it.
  struct Completed {
    let results: [Result<Int64, KafkaError>]
    let completion: Completion

    func deliver() { completion(results) }
  }

  /// In order of sequence numbers; those before `head` are done with.
  private var entries: [Entry] = []
  private var head = 0
  private(set) var nextSequence: UInt64 = 1

  /// No broker gives an offset like this, so it stands for "no result yet".
  private static let pending = Result<Int64, KafkaError>.success(.min)

  var isEmpty: Bool { head == entries.count }

  /// The sequence number of the oldest send that has not been completed.
  var oldest: UInt64? { head < entries.count ? entries[head].first : nil }

  /// - Parameter count: at least 1.
  /// - Returns: the sequence number of the first record; the others follow without a gap.
  mutating func add(count: Int, completion: @escaping Completion) -> UInt64 {
    let first = nextSequence
    let results = Array(repeating: Self.pending, count: count)
    entries.append(Entry(first: first, results: results, missing: count, completion: completion))
    nextSequence += UInt64(count)
    return first
  }

  /// - Returns: the send, when this was its last missing result.
  mutating func record(_ result: Result<Int64, KafkaError>, for sequence: UInt64) -> Completed? {
    guard let index = index(of: sequence) else { return nil }
    let offset = Int(sequence - entries[index].first)
    guard case .success(.min) = entries[index].results[offset] else { return nil }
    entries[index].results[offset] = result
    entries[index].missing -= 1
    if entries[index].missing > 0 { return nil }
    defer { dropCompleted() }
    return complete(index)
  }

  /// Gives every record without a result this one.
  mutating func failAll(_ error: KafkaError) -> [Completed] {
    defer { dropCompleted() }
    return (head..<entries.count).compactMap { index in
      if entries[index].missing == 0 { return nil }
      for offset in entries[index].results.indices {
        if case .success(.min) = entries[index].results[offset] { entries[index].results[offset] = .failure(error) }
      }
      entries[index].missing = 0
      return complete(index)
    }
  }

  private mutating func complete(_ index: Int) -> Completed {
    let completed = Completed(results: entries[index].results, completion: entries[index].completion)
    entries[index].results = []
    return completed
  }

  private mutating func dropCompleted() {
    while head < entries.count, entries[head].missing == 0 { head += 1 }
    if head > 64, head * 2 > entries.count {
      entries.removeFirst(head)
      head = 0
    }
  }

  private func index(of sequence: UInt64) -> Int? {
    var low = head
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].first <= sequence { low = middle + 1 } else { high = middle }
    }
    guard low > head else { return nil }
    let entry = entries[low - 1]
    return sequence - entry.first < UInt64(entry.results.count) ? low - 1 : nil
  }
}
