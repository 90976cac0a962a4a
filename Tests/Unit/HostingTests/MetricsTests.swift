import CoreMetrics
@testable import Hosting
import Testing

@Suite struct MetricsTests {
  @Test func everyKindInTheTextFormat() {
    let registry = PrometheusRegistry()
    registry.describe("batch.records", "Records\nper \\ batch.", bounds: [1, 10])
    registry.describe("started", "Instances started.")
    let counter = Counter(
      label: "started",
      dimensions: [
        ("workflow", "a\"b\\c\nd"),
        (
          "shard",
          "3"
        ),
      ], factory: registry)
    counter.increment(by: 2)
    counter.increment()
    Counter(
      label: "started",
      dimensions: [
        ("shard", "3"),
        (
          "workflow",
          "a\"b\\c\nd"
        ),
      ], factory: registry
    ).increment()
    FloatingPointCounter(label: "seconds_total", factory: registry).increment(by: 0.5)
    let gauge = Gauge(label: "queue.lag", factory: registry)
    gauge.record(5)
    gauge.record(2.5)
    let meter = Meter(label: "1 open", factory: registry)
    meter.increment(by: 3)
    meter.decrement(by: 1)
    let recorder = Recorder(label: "batch.records", factory: registry)
    for value in [0.0, 1, 2, 10, 11, .nan] { recorder.record(value) }
    #expect(
      registry.text() == #"""
        # TYPE _1_open gauge
        _1_open 2
        # HELP batch_records Records\nper \\ batch.
        # TYPE batch_records histogram
        batch_records_bucket{le="1"} 2
        batch_records_bucket{le="10"} 4
        batch_records_bucket{le="+Inf"} 5
        batch_records_sum 24
        batch_records_count 5
        # TYPE queue_lag gauge
        queue_lag 2.5
        # TYPE seconds_total counter
        seconds_total 0.5
        # HELP started_total Instances started.
        # TYPE started_total counter
        started_total{shard="3",workflow="a\"b\\c\nd"} 4

        """#)
  }

  @Test func timersAreHistogramsOfSeconds() {
    let registry = PrometheusRegistry()
    let timer = Timer(label: "commit", dimensions: [("le", "x"), ("__a", "y")], factory: registry)
    timer.recordMilliseconds(3)
    timer.recordSeconds(60)
    let text = registry.text()
    #expect(text.contains(#"commit_seconds_bucket{label___a="y",label_le="x",le="0.0025"} 0"#))
    #expect(text.contains(#"commit_seconds_bucket{label___a="y",label_le="x",le="0.005"} 1"#))
    #expect(text.contains(#"commit_seconds_bucket{label___a="y",label_le="x",le="+Inf"} 2"#))
    #expect(text.contains(#"commit_seconds_sum{label___a="y",label_le="x"} 60.003"#))
  }

  @Test func countersNeverFall() {
    let registry = PrometheusRegistry()
    let counter = Counter(label: "c", factory: registry)
    counter.increment(by: 5)
    counter.increment(by: -3)
    #expect(registry.text().hasSuffix("c_total 5\n"))
  }

  @Test func aNameHasOneKind() {
    let registry = PrometheusRegistry()
    Gauge(label: "x_total", factory: registry).record(1)
    let late = Counter(label: "x", factory: registry)
    late.increment()
    let integer = Counter(label: "y", factory: registry)
    integer.increment()
    FloatingPointCounter(label: "y", factory: registry).increment(by: 0.5)
    #expect(registry.text() == "# TYPE x_total gauge\nx_total 1\n# TYPE y_total counter\ny_total 1\n")
  }

  @Test func destroyedMetricsAreGone() {
    let registry = PrometheusRegistry()
    let counter = Counter(label: "c", factory: registry)
    let gauge = Gauge(label: "g", dimensions: [("a", "1")], factory: registry)
    Gauge(label: "g", dimensions: [("a", "2")], factory: registry).record(7)
    counter.destroy()
    gauge.destroy()
    #expect(registry.text() == "# TYPE g gauge\ng{a=\"2\"} 7\n")
  }

  @Test func nothingIsLostWhenManyCountAtOnce() async {
    let registry = PrometheusRegistry()
    await withTaskGroup { group in
      for _ in 0..<8 {
        group.addTask {
          let counter = Counter(label: "c", factory: registry)
          let meter = Meter(label: "m", factory: registry)
          let recorder = Recorder(label: "r", factory: registry)
          for _ in 0..<1000 {
            counter.increment()
            meter.increment(by: 1)
            recorder.record(1)
          }
        }
      }
    }
    let text = registry.text()
    #expect(text.contains("c_total 8000\n") && text.contains("m 8000\n") && text.contains("r_count 8000\n"))
  }

  @Test func theProcessItself() {
    let text = processMetrics()
    for name in [
      "process_cpu_seconds_total", "process_resident_memory_bytes", "process_threads",
      "process_start_time_seconds",
    ] {
      let value = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }?.split(separator: " ").last
      #expect(Double(value ?? "") ?? 0 > 0, "\(name)")
    }
  }
}
