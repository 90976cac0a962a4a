import Glibc
import TestSupport
import Testing
import Values

/// A mediator that may open nothing more, or gets no more memory.
@Suite(.serialized) struct LimitsDrill {
  @Test(.enabled(if: Drill.isFull, "make drill"), .timeLimit(.minutes(4)))
  func withoutDescriptorsItSaysSoAndComesBack() async throws {
    let drill = try await Drill("no more descriptors")
    let process = try await drill.service("first")
    for strike in 1...Drill.times(5) {
      try await drill.waitForFairShares()
      // What is open stays open; nothing new can be opened.
      setLimit("--nofile=10:4096", of: process)
      await drill.countFault()
      _ = try await drill.cluster.query(
        """
        select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()
        """)
      try await poll(within: .seconds(30), "the mediator to say what it lacks") {
        process.log.split(separator: "\n").count { $0.contains("Too many open files") } >= strike ? true : nil
      }
      #expect(process.exitStatus == nil, "\(process.log.suffix(2000))")
      setLimit("--nofile=4096:4096", of: process)
      try await drill.recovered()
    }
    try await drill.settle()
  }

  @Test(.enabled(if: Drill.isFull, "make drill"), .timeLimit(.minutes(4)))
  func withoutMemoryItEndsAndAnotherGoesOn() async throws {
    let drill = try await Drill("no more memory")
    for strike in 0..<Drill.times(5) {
      let victim = Drill.mediators[strike % 2]
      try await drill.waitForFairShares()
      let process = try await drill.service(victim)
      setLimit("--as=1048576", of: process)
      await drill.countFault()
      // It allocates with every batch; what it gets, it has from before. A new connection needs more than that.
      _ = try await drill.cluster.query(
        """
        select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()
        """)
      _ = try? await process.waitForExit(within: .seconds(6))
      if process.exitStatus == nil { setLimit("--as=unlimited", of: process) }
      let end = Timestamp.now()
      if process.exitStatus != nil { try await drill.start(victim) }
      try await drill.recovered(since: end)
    }
    try await drill.settle()
  }

  private func setLimit(_ limit: String, of process: ServiceProcess) {
    let tool = try? ServiceProcess(
      "/usr/bin/prlimit", ["--pid", "\(process.id)", limit], logFile: process.logFile + ".prlimit")
    // It ends within milliseconds; this looks again.
    while let tool, tool.exitStatus == nil { usleep(1000) }
    #expect(tool?.exitStatus == 0, "prlimit \(limit): \(tool?.log ?? "not started")")
  }
}
