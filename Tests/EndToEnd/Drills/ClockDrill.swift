import Postgres
import TestSupport
import Testing

/// The clocks of mediators that somebody sets: nine minutes forward, nine minutes back.
///
/// The workflow of the drills has ten minutes, and its calls have half an hour here: what a jump takes past its deadline
/// ends, that is what a deadline is.
@Suite(.serialized) struct ClockDrill {
  @Test(.enabled(if: Drill.isFull, "make drill"), .timeLimit(.minutes(5)))
  func jumpsLoseAndRepeatNothing() async throws {
    let cluster = try await Cluster(settings: ["MEDIATOR_MEDIATOR_CALL_TIMEOUT": "30m"])
    var clocks: [String: SettableClock] = [:]
    for mediator in Drill.mediators { clocks[mediator] = try await SettableClock.make(mediator, cluster) }
    let drill = try await Drill(
      "clock of a mediator set forward, back", variables: clocks.mapValues(\.variables), cluster: cluster)
    let jumps: [(mediator: String, seconds: Int64)] = [
      ("first", 540), ("second", -540), ("first", 0), ("second", 0), ("first", -540), ("second", 540), ("first", 0),
      ("second", 0),
    ]
    for jump in jumps {
      try clocks[jump.mediator]?.set(jump.seconds)
      await drill.countFault()
      try await drill.recoveredByCount()
      try await expect(jump.mediator, toBe: Int(jump.seconds), cluster)
      // Leases go by Postgres's clock: nobody has lost one.
      try await drill.waitForShares(["first": 2, "second": 2], within: .seconds(2))
    }
    try await drill.settle()
  }

  /// The mediator's own clock, as its journal tells it: the jump has happened.
  private func expect(_ mediator: String, toBe offset: Int, _ cluster: Cluster) async throws {
    try await poll(within: .seconds(20), "the clock of \(mediator) to be \(offset) s off") {
      let rows = try await cluster.query(
        """
        select extract(epoch from j.at - clock_timestamp())::int as offset
          from shards s join journal j on j.shard = s.shard and j.sequence = s.journal_head where s.owner = '\(mediator)'
        """)
      return try rows.contains { abs(try $0.int("offset") - offset) < 30 } ? true : nil
    }
  }
}
