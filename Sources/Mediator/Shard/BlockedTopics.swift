import Kafka
import Values

/// Processing events for topics that cannot be written at the moment: they wait in their order, one of them is tried now
/// and then, and what has waited for too long is given up. Pure.
struct BlockedTopics {
  private struct Topic {
    var reason: String
    var messages: [Outbox.Message] = []
    /// Since when, as far as anybody looked.
    var since: Timestamp?
    var nextProbe: Timestamp?
    /// The one that is tried.
    var probe: String?
    /// Something was published: what waits may follow.
    var isOpen = false
    /// Its time is over: what is refused from now on is given up at once.
    var isGivenUp = false
  }

  private var topics: [String: Topic] = [:]

  var isEmpty: Bool { topics.isEmpty }

  /// - Returns: whether the message has to wait, because others for its topic do.
  mutating func hold(_ message: Outbox.Message) -> Bool {
    guard message.request != nil, topics[message.record.topic]?.isGivenUp == false else { return false }
    topics[message.record.topic]?.messages.append(message)
    return true
  }

  /// - Returns: false when the message is given up.
  mutating func refuse(_ message: Outbox.Message, _ reason: String) -> Bool {
    var topic = topics[message.record.topic] ?? Topic(reason: reason)
    if topic.isGivenUp { return false }
    if topic.probe != nil, topic.probe == message.request?.id {
      topic.probe = nil
      topic.nextProbe = nil
      topic.messages.insert(message, at: 0)
    } else {
      // It was on its way before others began to wait.
      let place = topic.messages.firstIndex { $0.sequence > message.sequence } ?? topic.messages.endIndex
      topic.messages.insert(message, at: place)
    }
    topic.reason = reason
    topics[message.record.topic] = topic
    return true
  }

  mutating func published(to topic: String) {
    if !topics.isEmpty { topics[topic]?.isOpen = true }
  }

  /// What is to be sent now, and what is given up.
  mutating func tend(
    at now: Timestamp, patience: Duration, probeInterval: Duration
  ) -> (send: [Outbox.Message], giveUp: [(message: Outbox.Message, reason: String)]) {
    var send: [Outbox.Message] = []
    var giveUp: [(message: Outbox.Message, reason: String)] = []
    for name in topics.keys.sorted() {
      guard var topic = topics[name] else { continue }
      if topic.isOpen {
        send += topic.messages
        topics[name] = nil
        continue
      }
      // A clock that was set back begins anew.
      let since = min(topic.since ?? now, now)
      topic.since = since
      if topic.isGivenUp {
        continue
      } else if now - since >= patience {
        topic.isGivenUp = true
        giveUp += topic.messages.map { ($0, "the topic \(name) cannot be written: \(topic.reason)") }
        topic.messages = []
      } else if topic.probe == nil, let first = topic.messages.first {
        if let next = topic.nextProbe, now >= next {
          topic.probe = first.request?.id
          topic.messages.removeFirst()
          send.append(first)
        } else {
          topic.nextProbe = min(topic.nextProbe ?? now + probeInterval, now + probeInterval)
        }
      }
      topics[name] = topic
    }
    return (send, giveUp)
  }
}
