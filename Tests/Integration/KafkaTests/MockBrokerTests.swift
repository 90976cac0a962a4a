import Kafka
import TestSupport
import Testing

@testable import mock_broker

@Suite(.timeLimit(.minutes(1)))
struct MockBrokerTests {
  @Test("the program serves other processes, fails on command, and ends with its standard input")
  func program() async throws {
    let broker = try MockBrokerServer(arguments: ["--brokers", "2", "--topic", "one:3", "--topic", "two:1"])
    let configuration = KafkaConfiguration(bootstrapServers: broker.bootstrapServers)
    #expect(broker.bootstrapServers.split(separator: ",").count == 2)
    let admin = try KafkaAdmin(configuration)
    #expect(try await admin.describe("one").partitions == [0, 1, 2])
    #expect(broker.command("topic three 2") == "ok")
    #expect(try await admin.describe("three").partitions == [0, 1])
    await admin.close()

    #expect(broker.command("leader two 0 1") == "ok")
    #expect(broker.command("rtt all 1") == "ok")
    #expect(broker.command("error 0 6 2") == "ok")
    try await produce("two", partitions: 1, count: 10, to: configuration)
    let consumer = try await KafkaConsumer.assigned(configuration, positions: beginnings("two", 1))
    #expect(try await consumer.collect(10).count == 10)
    #expect(broker.command("broker down 1") == "ok")
    #expect(broker.command("broker up all") == "ok")
    #expect(broker.command("broker sideways 1").hasPrefix("error: "))
    #expect(broker.command("leader one 0 77").hasPrefix("error: "))
    await consumer.close()
    #expect(broker.end() == 0)
  }

  @Test("the program ends with SIGTERM, and outlives its standard input where it is told to")
  func signal() async throws {
    let broker = try MockBrokerServer(arguments: ["--keep-running"])
    #expect(broker.command("topic kept 1") == "ok")
    #expect(broker.terminate() == 0)
  }

  @Test("commands that are not understood are refused")
  func commands() throws {
    #expect(try FaultCommand(" broker  down 3 ") == .broker(3, up: false))
    #expect(try FaultCommand("broker up all") == .broker(-1, up: true))
    #expect(try FaultCommand("rtt 2 150") == .roundTrip(broker: 2, milliseconds: 150))
    #expect(try FaultCommand("error 0 -195 3") == .failRequests(apiKey: 0, code: -195, count: 3))
    #expect(try FaultCommand("leader a.b 4 2") == .leader(topic: "a.b", partition: 4, broker: 2))
    #expect(try FaultCommand("topic x 5") == .topic("x", partitions: 5))
    for line in ["", "broker", "broker down", "broker down 0", "rtt 1 -4", "error 0 1 0", "topic x 0", "leader x y z"] {
      #expect(throws: FaultCommand.Malformed.self) { try FaultCommand(line) }
    }
    #expect(Topic(argument: "a:b:3")?.name == "a:b")
    #expect(Topic(argument: ":3") == nil)
    #expect(Topic(argument: "a") == nil)
  }
}
