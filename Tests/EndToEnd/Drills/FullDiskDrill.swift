import Glibc
import TestSupport
import Testing
import Values

/// Postgres has no more room on its disk.
@Suite(.serialized) struct FullDiskDrill {
  @Test(
    .enabled(if: Drill.isFull, "make drill"), .enabled(if: geteuid() == 0, "only root can mount a small disk"),
    .timeLimit(.minutes(5)))
  func whenThereIsRoomAgainEverythingGoesOn() async throws {
    let server = try await PostgresServer.start(
      settings: ["max_wal_size": "64MB", "min_wal_size": "32MB"], diskSize: "250m")
    let drill = try await Drill("Postgres's disk full", cluster: try await Cluster(postgres: server))
    let filler = "\(server.directory)/data/filler"
    for _ in 0..<Drill.times(5) {
      let before = await complaints(drill)
      try fill(filler)
      await drill.countFault()
      try await poll(within: .seconds(60), every: .milliseconds(200), "Postgres to refuse, and a mediator to say so") {
        await complaints(drill) > before ? true : nil
      }
      unlink(filler)
      // Without room for its log it ends, and is for its supervisor to start.
      if await !server.isRunning { try await server.start() }
      try await drill.recovered()
    }
    try await drill.settle()
  }

  private func complaints(_ drill: Drill) async -> Int {
    await drill.mediatorLogs().split(separator: "\n").count { $0.contains("Postgres is down") }
  }

  /// Takes all the room that is left.
  private func fill(_ path: String) throws {
    let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw ServiceProcess.Failure("cannot write \(path)") }
    defer { close(file) }
    var size = 1 << 20
    let block = [UInt8](repeating: 7, count: size)
    while size >= 4096 {
      if write(file, block, size) < size { size /= 2 }
    }
  }
}
