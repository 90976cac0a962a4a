import CoreMetrics
import Synchronization

/// One line of a metric, or for a histogram its group of lines.
protocol MetricSeries: AnyObject, Sendable {
  func write(_ name: String, _ labels: MetricLabels, into text: inout String)
}

final class CounterSeries: MetricSeries, CounterHandler {
  private let value = Atomic<Int64>(0)

  /// A counter never falls: a negative amount counts as nothing.
  func increment(by amount: Int64) { if amount > 0 { value.wrappingAdd(amount, ordering: .relaxed) } }

  func reset() { value.store(0, ordering: .relaxed) }

  func write(_ name: String, _ labels: MetricLabels, into text: inout String) {
    text += "\(name)\(labels.text) \(value.load(ordering: .relaxed))\n"
  }
}

final class FloatingPointCounterSeries: MetricSeries, FloatingPointCounterHandler {
  private let value = AtomicDouble()

  func increment(by amount: Double) { if amount > 0 { value.add(amount) } }

  func reset() { value.store(0) }

  func write(_ name: String, _ labels: MetricLabels, into text: inout String) {
    text += "\(name)\(labels.text) \(metricNumber(value.load()))\n"
  }
}

final class GaugeSeries: MetricSeries, MeterHandler, RecorderHandler {
  private let value = AtomicDouble()

  func set(_ value: Int64) { self.value.store(Double(value)) }
  func set(_ value: Double) { self.value.store(value) }
  func increment(by amount: Double) { value.add(amount) }
  func decrement(by amount: Double) { value.add(-amount) }
  func record(_ value: Int64) { set(value) }
  func record(_ value: Double) { set(value) }

  func write(_ name: String, _ labels: MetricLabels, into text: inout String) {
    text += "\(name)\(labels.text) \(metricNumber(value.load()))\n"
  }
}

final class HistogramSeries: MetricSeries, TimerHandler, RecorderHandler {
  private struct State {
    /// Per bucket, not yet summed up; one more than there are bounds.
    var counts: [UInt64]
    var sum = 0.0
  }

  private let bounds: [Double]
  private let state: Mutex<State>

  init(bounds: [Double]) {
    self.bounds = bounds
    state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
  }

  func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
  func preferDisplayUnit(_ unit: TimeUnit) {}
  func record(_ value: Int64) { record(Double(value)) }

  func record(_ value: Double) {
    guard !value.isNaN else { return }
    let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
    state.withLock { state in
      state.counts[bucket] += 1
      state.sum += value
    }
  }

  func write(_ name: String, _ labels: MetricLabels, into text: inout String) {
    let (counts, sum) = state.withLock { ($0.counts, $0.sum) }
    var total: UInt64 = 0
    for (count, bound) in zip(counts, bounds + [.infinity]) {
      total += count
      text += "\(name)_bucket\(labels.text(adding: ("le", metricNumber(bound)))) \(total)\n"
    }
    text += "\(name)_sum\(labels.text) \(metricNumber(sum))\n\(name)_count\(labels.text) \(total)\n"
  }
}

/// A double behind atomic bits.
final class AtomicDouble: Sendable {
  private let bits = Atomic<UInt64>(0)

  func load() -> Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

  func store(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

  func add(_ amount: Double) {
    var old = bits.load(ordering: .relaxed)
    while true {
      let new = (Double(bitPattern: old) + amount).bitPattern
      let (exchanged, found) = bits.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
      if exchanged { return }
      old = found
    }
  }
}
