/// The topics of the wire contract.
public enum Topics {
  /// Initial events, unless others are configured.
  public static let queue = "mediator.queue"
  public static let replies = "mediator.replies"
  public static let deadLetters = "mediator.dead-letters"
  public static let lifecycle = "mediator.lifecycle"

  private static let channelPrefix = "mediator.channel."

  /// The topic of a channel's processing events.
  public static func channel(_ name: String) -> String { channelPrefix + name }

  /// The channel whose topic this is.
  public static func channelName(ofTopic topic: String) -> String? {
    topic.hasPrefix(channelPrefix) ? String(topic.dropFirst(channelPrefix.count)) : nil
  }
}
