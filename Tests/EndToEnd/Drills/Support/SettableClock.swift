import Glibc
import TestSupport

/// The wall clock of one program, which can be set while it runs: a library that is loaded before all others answers for
/// it. The kernel's other clocks, and waits in the kernel, go on as they do when somebody sets a clock.
///
/// libfaketime does not do here: it lets waits of C11 threads, as librdkafka has them, last as long as the clock is off.
struct SettableClock {
  private let file: String
  private let library: String

  /// - Throws: where there is no clang, which Swift itself needs for linking.
  static func make(_ name: String, _ cluster: Cluster) async throws -> SettableClock {
    let source = try cluster.write(Self.source, to: "clock.c")
    let library = "\(cluster.directory)/\(name)-clock.so"
    let compiler = try ServiceProcess(
      "/usr/bin/env", ["clang", "-shared", "-fPIC", "-O1", "-o", library, source],
      logFile: "\(cluster.directory)/\(name)-clang.log")
    guard try await compiler.waitForExit(within: .seconds(60)) == 0 else {
      throw ServiceProcess.Failure("clang: \(compiler.log)")
    }
    let clock = SettableClock(file: "\(cluster.directory)/\(name).clock", library: library)
    try clock.set(0)
    return clock
  }

  /// For the program's environment.
  var variables: [String: String] { ["LD_PRELOAD": library, "CLOCK_OFFSET_FILE": file] }

  /// - Parameter seconds: how far it is to be ahead of this machine's.
  func set(_ seconds: Int64) throws {
    let descriptor = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw ServiceProcess.Failure("cannot write \(file)") }
    defer { close(descriptor) }
    var seconds = seconds
    guard pwrite(descriptor, &seconds, 8, 0) == 8 else { throw ServiceProcess.Failure("cannot write \(file)") }
  }

  private static let source = """
    #define _GNU_SOURCE
    #include <fcntl.h>
    #include <stdint.h>
    #include <stdlib.h>
    #include <sys/mman.h>
    #include <sys/syscall.h>
    #include <time.h>
    #include <unistd.h>

    static const volatile int64_t *offset;

    __attribute__((constructor)) static void begin(void) {
      const char *path = getenv("CLOCK_OFFSET_FILE");
      int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
      if (file < 0) return;
      void *page = mmap(0, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
      close(file);
      if (page != MAP_FAILED) offset = page;
    }

    int clock_gettime(clockid_t clock, struct timespec *time) {
      int result = syscall(SYS_clock_gettime, clock, time);
      if (result == 0 && clock == CLOCK_REALTIME && offset) time->tv_sec += *offset;
      return result;
    }
    """
}
