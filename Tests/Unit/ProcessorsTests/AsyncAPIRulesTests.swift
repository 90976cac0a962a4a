import HTTPCalls
import Kafka
import Processors
import Testing

struct AsyncAPIRulesTests {
  private let own = KafkaConfiguration(bootstrapServers: "kafka-1:9092, Kafka-2:9093,kafka-3")

  private func cluster(_ rules: ClusterRules, _ host: String, name: String = "production") -> ClusterRules.Cluster? {
    rules.cluster(for: AsyncAPIServer(name: name, host: host), own: own)
  }

  @Test(arguments: ["kafka-1:9092", "kafka-1", "KAFKA-2:9093", "kafka-3:9092,kafka-1", "kafka-1:9092, kafka-2:9093"])
  func theOwnClusterIsAllowed(_ host: String) {
    let found = cluster(ClusterRules(), host)
    #expect(found?.configuration == own)
    #expect(found?.name == nil)
  }

  @Test(arguments: ["", ",", "kafka-2", "kafka-1:9093", "evil:9092", "kafka-1:9092,evil:9092", "kafka-1.evil:9092"])
  func nothingElseIs(_ host: String) {
    #expect(cluster(ClusterRules(), host) == nil)
  }

  @Test func whatTheConfigurationNames() {
    let (one, two) = (KafkaConfiguration(bootstrapServers: "a:1"), KafkaConfiguration(bootstrapServers: "b:2"))
    let rules = ClusterRules(["production": one, "test:9092": two])
    // Wherever the document says that it is: the connection is made to what is configured.
    #expect(cluster(rules, "evil:9092")?.configuration == one)
    #expect(cluster(rules, "test:9092")?.configuration == two)
    #expect(cluster(rules, "other:9092", name: "staging") == nil)
    // The own cluster is no exception any more.
    #expect(cluster(rules, "kafka-1:9092", name: "own") == nil)
  }

  private static let topicsCases: [([String]?, [String], [String])] = [
    (nil, ["orders", "a.b_c-1"], ["mediator.queue", "mediator.replies", "__consumer_offsets"]),
    (["*"], ["orders"], ["mediator.channel.http", "__transaction_state"]),
    ([], [], ["orders"]),
    (["orders", "alarms.*"], ["orders", "alarms.", "alarms.line.7"], ["orders2", "alarms", "xalarms.1"]),
    (["*.out", "a*b*c"], ["x.out", "mediato.out", "abc", "a1b2c"], ["mediator.x.out", "out", "ac", "acb"]),
    (["aba*ba"], ["ababa", "abaxba"], ["aba", "abba"]),
    (["mediator.queue*"], ["mediator.queue", "mediator.queue.eu"], ["mediator.replies", "orders"]),
    (["med*"], ["medical"], ["mediator.queue"]),
  ]

  @Test(arguments: topicsCases) func topics(_ patterns: [String]?, _ admitted: [String], _ refused: [String]) {
    let rules = TopicRules(patterns)
    for topic in admitted { #expect(rules.admits(topic), "\(topic)") }
    for topic in refused { #expect(!rules.admits(topic), "\(topic)") }
  }
}
