/// How long what is over is kept.
public struct RetentionOptions: Sendable, Hashable {
  /// Ended instances and their journal, from their end.
  public var instances: Duration = .seconds(30 * 86_400)
  /// Dead letters that somebody has dealt with, from then on. Open ones stay.
  public var deadLetters: Duration = .seconds(90 * 86_400)
  /// The most instances of one delete.
  var maxInstances = 500
  /// The most other rows of one delete.
  var maxRows = 5000
  /// Between two deletes: what is deleted must not take the disk from the turns.
  var pause: Duration = .milliseconds(100)

  public init() {}

  /// How often it is looked for what is over.
  var interval: Duration { max(.seconds(1), min(.seconds(60), instances / 10)) }
}
