import CoreMetrics
import Synchronization

/// The metrics of a process, for a Prometheus server to fetch.
///
/// Names are made valid (`queue.lag` → `queue_lag`); counters end in `_total`, timers are histograms of seconds and end
/// in `_seconds`, aggregating recorders are histograms, other recorders and meters are gauges. Making a metric takes a
/// lock; counting and setting take none, and a histogram takes one of its own.
public final class PrometheusRegistry: MetricsFactory {
  private struct State {
    var families: [String: MetricFamily] = [:]
    var help: [String: String] = [:]
    var bounds: [String: [Double]] = [:]
  }

  /// Upper bounds in seconds.
  public static let timerBounds: [Double] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
  ]
  /// Upper bounds for sizes and counts.
  public static let recorderBounds: [Double] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000, 1_000_000,
  ]

  private let state = Mutex(State())

  public init() {}

  /// What a metric means, and the upper bounds of its buckets, ascending. To be called before the metric is made.
  public func describe(_ label: String, _ help: String, bounds: [Double]? = nil) {
    state.withLock { state in
      state.help[label] = help
      if let bounds { state.bounds[label] = bounds }
    }
  }

  /// Everything in the text format, version 0.0.4, in a stable order.
  public func text() -> String {
    let families = state.withLock { $0.families }
    var text = ""
    for (name, family) in families.sorted(by: { $0.key < $1.key }) { family.write(name, into: &text) }
    return text
  }

  // MARK: - MetricsFactory

  public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    series(label, suffix: "_total", dimensions, .counter) { _ in CounterSeries() }
  }

  public func makeFloatingPointCounter(
    label: String, dimensions: [(String, String)]
  ) -> any FloatingPointCounterHandler {
    series(label, suffix: "_total", dimensions, .counter) { _ in FloatingPointCounterSeries() }
  }

  public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    series(label, suffix: "", dimensions, .gauge) { _ in GaugeSeries() }
  }

  public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
    guard aggregate else { return series(label, suffix: "", dimensions, .gauge) { _ in GaugeSeries() } }
    return series(label, suffix: "", dimensions, .histogram) { HistogramSeries(bounds: $0 ?? Self.recorderBounds) }
  }

  public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    series(label, suffix: "_seconds", dimensions, .histogram) { HistogramSeries(bounds: $0 ?? Self.timerBounds) }
  }

  public func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
  public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }
  public func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
  public func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
  public func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

  /// The series of these labels, made if it is new. One whose name is taken by another kind works, but is not shown: a
  /// name has one type in the format.
  private func series<Series: MetricSeries>(
    _ label: String, suffix: String, _ dimensions: [(String, String)], _ kind: MetricFamily.Kind,
    make: ([Double]?) -> Series
  ) -> Series {
    let plain = metricName(label)
    let name = plain.hasSuffix(suffix) ? plain : plain + suffix
    let labels = MetricLabels(dimensions)
    return state.withLock { state in
      var family = state.families[name] ?? MetricFamily(kind: kind, help: state.help[label])
      if let series = family.series[labels] as? Series, family.kind == kind { return series }
      let series = make(state.bounds[label])
      guard family.kind == kind, family.series[labels] == nil else { return series }
      family.series[labels] = series
      state.families[name] = family
      return series
    }
  }

  private func remove(_ handler: AnyObject) {
    state.withLock { state in
      for (name, family) in state.families {
        guard let labels = family.series.first(where: { $0.value === handler })?.key else { continue }
        state.families[name]?.series[labels] = nil
      }
      state.families = state.families.filter { !$0.value.series.isEmpty }
    }
  }
}
