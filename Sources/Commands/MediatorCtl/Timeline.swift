import Engine
import Mediator
import Values

/// The tasks of an instance over time: when an attempt was under way, and when nothing was. Pure.
struct Timeline: Sendable, Hashable {
  struct Segment: Sendable, Hashable {
    enum Kind: String, Sendable, Hashable {
      /// A processing event was out.
      case attempt
      /// Between two attempts.
      case idle
      /// Open, and no call: a wait, a listener, a scope.
      case open
    }

    let kind: Kind
    /// Of an attempt, from 1.
    let number: Int?
    let from: Timestamp
    let to: Timestamp
    let hasFailed: Bool
  }

  struct Row: Sendable, Hashable {
    let task: TaskRecord
    let segments: [Segment]

    func time(_ kind: Segment.Kind) -> Duration {
      segments.filter { $0.kind == kind }.reduce(.zero) { $0 + ($1.to - $1.from) }
    }
  }

  let start: Timestamp
  let end: Timestamp
  let rows: [Row]

  /// - Parameter now: where what is open ends.
  init(_ detail: InstanceDetail, now: Timestamp) {
    start = detail.summary.startedAt
    let end = max(detail.summary.endedAt ?? now, detail.summary.startedAt)
    self.end = end
    rows = detail.history.tasks.filter { $0.status != .skipped && $0.startedAt != nil }.map { task in
      Row(task: task, segments: Self.segments(task, until: end))
    }
  }

  /// How long no attempt of any task was under way.
  var idle: Duration {
    let busy = rows.flatMap(\.segments).filter { $0.kind == .attempt }.sorted { $0.from < $1.from }
    var idle = Duration.zero
    var reached = start
    for segment in busy {
      if segment.from > reached { idle += segment.from - reached }
      reached = max(reached, segment.to)
    }
    return reached < end ? idle + (end - reached) : idle
  }

  private static func segments(_ task: TaskRecord, until end: Timestamp) -> [Segment] {
    let from = task.startedAt ?? end
    let to = task.endedAt ?? end
    guard !task.attempts.isEmpty else {
      return [Segment(kind: .open, number: nil, from: from, to: max(from, to), hasFailed: task.status == .faulted)]
    }
    var segments: [Segment] = []
    var reached = from
    for attempt in task.attempts {
      if attempt.requestedAt > reached {
        segments.append(
          Segment(kind: .idle, number: nil, from: reached, to: attempt.requestedAt, hasFailed: false))
      }
      reached = max(attempt.requestedAt, attempt.endedAt ?? to)
      segments.append(
        Segment(
          kind: .attempt, number: attempt.number, from: attempt.requestedAt, to: reached,
          hasFailed: attempt.problem != nil))
    }
    if reached < to { segments.append(Segment(kind: .idle, number: nil, from: reached, to: to, hasFailed: false)) }
    return segments
  }

  /// One row as a bar of so many columns. What is shorter than a column gets one.
  func bar(_ row: Row, columns: Int) -> String {
    var cells = [Character](repeating: " ", count: max(columns, 1))
    for kind in [Segment.Kind.open, .idle, .attempt] {
      for segment in row.segments where segment.kind == kind {
        let first = column(segment.from, columns)
        let last = max(first, column(segment.to, columns, isEnd: true))
        for column in first...last { cells[column] = Self.mark(kind) }
      }
    }
    // Last, so that no later attempt in the same column hides a failure.
    for segment in row.segments where segment.hasFailed {
      cells[max(column(segment.from, columns), column(segment.to, columns, isEnd: true))] = "✗"
    }
    while cells.last == " " { cells.removeLast() }
    return String(cells)
  }

  private static func mark(_ kind: Segment.Kind) -> Character {
    switch kind {
    case .attempt: "█"
    case .idle: "·"
    case .open: "─"
    }
  }

  private func column(_ time: Timestamp, _ columns: Int, isEnd: Bool = false) -> Int {
    let total = end - start
    guard total > .zero else { return 0 }
    let place = (time - start) / total * Double(columns)
    let column = isEnd ? Int(place.rounded(.up)) - 1 : Int(place)
    return min(max(column, 0), columns - 1)
  }
}
