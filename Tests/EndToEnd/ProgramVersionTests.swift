import Glibc
import TestSupport
import Testing
import Values

@Suite struct ProgramVersionTests {
  @Test(arguments: ["mediator", "processor", "simulator", "mediatorctl"])
  func everyProgramTellsItsVersion(_ program: String) async throws {
    let log = "/tmp/mediator-version-\(getpid())-\(program).log"
    defer { for file in [log, log + ".err"] { unlink(file) } }
    let process = try ServiceProcess(program, ["--version"], logFile: log)
    #expect(try await process.waitForExit() == 0, "\(process.log)")
    #expect(process.output == "\(ProgramVersion.current)\n")
  }
}
