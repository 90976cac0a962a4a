import Glibc
import Kafka
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2)))
struct CPUTests {
  /// Waits until librdkafka's and our own client threads use less than this share of one core for a second. Other
  /// tests of this process have such threads too, so there are many tries; a client that spins fails all of them.
  private func becomesIdle(below limit: Double) async throws -> Bool {
    for _ in 0..<30 {
      let before = clientUsage()
      // The second that is measured.
      try await Task.sleep(for: .seconds(1))
      let used = clientUsage().reduce(0) { $0 + $1.value - (before[$1.key] ?? $1.value) }
      if used < limit { return true }
    }
    return false
  }

  /// Seconds of CPU of each client thread (proc(5): task/[tid]/stat, fields 14 and 15, in clock ticks).
  private func clientUsage() -> [String: Double] {
    var usage: [String: Double] = [:]
    guard let folder = opendir("/proc/self/task") else { return [:] }
    defer { closedir(folder) }
    while let entry = readdir(folder) {
      let thread = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard let stat = readStat("/proc/self/task/\(thread)/stat") else { continue }
      if stat.name.hasPrefix("rdk:") || stat.name.hasPrefix("kafka-") {
        usage[thread] = stat.ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
      }
    }
    return usage
  }

  private func readStat(_ path: String) -> (name: String, ticks: Double)? {
    guard let file = fopen(path, "re") else { return nil }
    defer { fclose(file) }
    var buffer = [UInt8](repeating: 0, count: 1024)
    let count = fread(&buffer, 1, buffer.count, file)
    let text = String(decoding: buffer[..<count], as: UTF8.self)
    guard let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")") else { return nil }
    let fields = text[text.index(after: close)...].split(separator: " ")
    guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return nil }
    return (String(text[text.index(after: open)..<close]), user + system)
  }

  @Test("waiting costs next to nothing, with a broker and without one")
  func idle() async throws {
    let server = try await BrokerServer.start()
    try await createTopic("idle", partitions: 4, on: server)
    let producer = try KafkaProducer(server.configuration)
    _ = await producer.send([OutgoingRecord(topic: "idle", partition: 0, value: [1])])
    let consumer = try await KafkaConsumer.assigned(
      server.configuration, positions: beginnings("idle", 4), groupID: "idlers")
    let member = try await KafkaConsumer.member(server.configuration, group: "idle", topics: ["idle"]) { _ in }
    #expect(try await consumer.collect(1).count == 1)
    #expect(try await member.collect(1).count == 1)
    async let nothing = consumer.nextBatch(max: 10, wait: .seconds(60))
    async let nobody = member.nextBatch(max: 10, wait: .seconds(60))
    #expect(try await becomesIdle(below: 0.06))
    await server.kill()
    #expect(try await becomesIdle(below: 0.06))
    await member.close()
    await consumer.close()
    _ = try? await (nothing, nobody)
    await producer.close()
    await server.remove()
  }
}
