import Kafka

/// What can be told to a running mock cluster.
enum FaultCommand: Equatable {
  case broker(Int32, up: Bool)
  case roundTrip(broker: Int32, milliseconds: Int32)
  case failRequests(apiKey: Int16, code: Int32, count: Int)
  case leader(topic: String, partition: Int32, broker: Int32)
  case topic(String, partitions: Int32)

  static let help = """
    broker down N|all                    cut its connections and take no new ones
    broker up N|all
    rtt N|all MILLISECONDS               delay its answers
    error API CODE COUNT                 the next requests of this kind fail (numbers of the Kafka protocol)
    leader TOPIC PARTITION N             move a partition to another broker
    topic NAME PARTITIONS                create a topic
    """

  struct Malformed: Error, CustomStringConvertible {
    let line: String
    var description: String { "not understood: \(line)" }
  }

  init(_ line: String) throws {
    let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
    guard let command = Self.parse(words) else { throw Malformed(line: line) }
    self = command
  }

  private static func parse(_ words: [String]) -> FaultCommand? {
    switch (words.first, words.count) {
    case ("broker", 3):
      guard let id = broker(words[2]), words[1] == "up" || words[1] == "down" else { return nil }
      return .broker(id, up: words[1] == "up")
    case ("rtt", 3):
      guard let id = broker(words[1]), let time = Int32(words[2]), time >= 0 else { return nil }
      return .roundTrip(broker: id, milliseconds: time)
    case ("error", 4):
      guard let api = Int16(words[1]), let code = Int32(words[2]), let count = Int(words[3]), count > 0 else {
        return nil
      }
      return .failRequests(apiKey: api, code: code, count: count)
    case ("leader", 4):
      guard let partition = Int32(words[2]), let id = Int32(words[3]) else { return nil }
      return .leader(topic: words[1], partition: partition, broker: id)
    case ("topic", 3):
      guard let partitions = Int32(words[2]), partitions > 0 else { return nil }
      return .topic(words[1], partitions: partitions)
    default:
      return nil
    }
  }

  /// -1 stands for all.
  private static func broker(_ word: String) -> Int32? {
    word == "all" ? -1 : Int32(word).flatMap { $0 > 0 ? $0 : nil }
  }

  func apply(to cluster: MockCluster) throws {
    switch self {
    case .broker(let id, let up): try cluster.setBroker(id, up: up)
    case .roundTrip(let id, let time): try cluster.setRoundTripTime(milliseconds: time, broker: id)
    case .failRequests(let api, let code, let count): try cluster.failRequests(apiKey: api, code: code, count: count)
    case .leader(let topic, let partition, let id):
      try cluster.setLeader(of: TopicPartition(topic: topic, partition: partition), to: id)
    case .topic(let name, let partitions): try cluster.createTopic(name, partitions: partitions)
    }
  }
}
