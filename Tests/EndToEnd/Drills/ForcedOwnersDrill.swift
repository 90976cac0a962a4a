import TestSupport
import Testing
import Values

/// Shards that are taken from their owners by hand, as another mediator would, with leases that run.
@Suite(.serialized) struct ForcedOwnersDrill {
  @Test(.timeLimit(.minutes(4)))
  func twoOwnersAtOnceWriteAsOne() async throws {
    let drill = try await Drill("two owners forced")
    for strike in 0..<Drill.times(6, short: 2) {
      // A stranger, or each other.
      let owner = strike % 2 == 0 ? "'ghost'" : "case owner when 'first' then 'second' else 'first' end"
      _ = try await drill.cluster.query(
        """
        update shards set owner = \(owner), epoch = epoch + 1, expires_at = clock_timestamp() + interval '2 seconds'
        """)
      await drill.countFault()
      try await drill.recovered()
    }
    let logs = await drill.mediatorLogs()
    #expect(logs.contains("shard lost to another owner"))
    try await drill.settle()
  }
}
