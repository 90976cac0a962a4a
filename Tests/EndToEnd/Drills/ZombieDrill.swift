import Glibc
import TestSupport
import Testing
import Values

/// A mediator that sleeps past its lease, and wakes up believing that it still owns its shards.
@Suite(.serialized) struct ZombieDrill {
  @Test(.enabled(if: Drill.isFull, "make drill"), .timeLimit(.minutes(4)))
  func whatItWouldWriteIsRefused() async throws {
    let drill = try await Drill("mediator stopped (SIGSTOP) past its lease")
    for strike in 0..<Drill.times(5) {
      let victim = Drill.mediators[strike % 2]
      try await drill.waitForFairShares()
      let process = try await drill.service(victim)
      let before = losses(process)
      process.signal(SIGSTOP)
      await drill.countFault()
      let start = Timestamp.now()
      try await drill.waitForShares([Drill.mediators[1 - strike % 2]: 4])
      try await drill.recovered(since: start)
      process.signal(SIGCONT)
      // It had two shards; each of them is in another epoch now.
      try await poll(within: .seconds(20), "the former owner to be refused twice") {
        losses(process) >= before + 2 ? true : nil
      }
    }
    try await drill.settle()
  }

  private func losses(_ process: ServiceProcess) -> Int {
    process.log.split(separator: "\n").count { $0.contains("shard lost to another owner") }
  }
}
