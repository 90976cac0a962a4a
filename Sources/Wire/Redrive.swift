import Kafka

/// Names a dead letter of the mediator: the shard that found it, and its place in that shard's journal.
public struct DeadLetterID: Sendable, Hashable, Comparable, CustomStringConvertible {
  public let shard: Int32
  public let sequence: Int64

  public init(shard: Int32, sequence: Int64) {
    self.shard = shard
    self.sequence = sequence
  }

  /// Reads `SHARD-SEQUENCE`, two numbers in decimal digits.
  public init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ $0.allSatisfy { $0.isASCII && $0.isNumber } }),
      let shard = Int32(parts[0]), let sequence = Int64(parts[1])
    else { return nil }
    self.init(shard: shard, sequence: sequence)
  }

  public var description: String { "\(shard)-\(sequence)" }

  public static func < (left: Self, right: Self) -> Bool {
    (left.shard, left.sequence) < (right.shard, right.sequence)
  }
}

/// What a record says of itself that was a dead letter and has been sent again: docs/wire-contract.md, "Dead letters".
public struct Redrive: Sendable, Hashable {
  public let letter: DeadLetterID
  /// How many times it has been sent again, this time included.
  public let round: Int
  /// `topic/partition/offset` of the record that became a dead letter; nil where there was none.
  public let origin: String?

  public init(letter: DeadLetterID, round: Int, origin: String?) {
    self.letter = letter
    self.round = round
    self.origin = origin
  }

  static let letterHeader = "mediator-dead-letter"
  static let roundHeader = "mediator-redriven"
  static let originHeader = "mediator-origin"

  /// Nil for a record that does not say so, or not rightly.
  public init?(_ headers: [KafkaHeader]) {
    func text(_ name: String) -> String? {
      headers.last { $0.name == name }?.value.flatMap { String(validating: $0, as: UTF8.self) }
    }
    guard let letter = text(Self.letterHeader).flatMap({ DeadLetterID($0) }),
      let round = text(Self.roundHeader).flatMap({ Int($0) }), (1...1_000_000).contains(round)
    else { return nil }
    let origin = text(Self.originHeader).flatMap { Self.isPlace($0) ? $0 : nil }
    self.init(letter: letter, round: round, origin: origin)
  }

  /// `topic/partition/offset`: no topic's name has a slash.
  private static func isPlace(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    return parts.count == 3 && !parts[0].isEmpty && Int32(parts[1]) != nil && Int64(parts[2]) != nil
  }

  /// The headers of a record without what an earlier round said.
  public static func stripped(_ headers: [KafkaHeader]) -> [KafkaHeader] {
    headers.filter { ![letterHeader, roundHeader, originHeader].contains($0.name) }
  }

  /// The headers with what this round says.
  public func added(to headers: [KafkaHeader]) -> [KafkaHeader] {
    var headers = Self.stripped(headers)
    headers.append(KafkaHeader(Self.letterHeader, letter.description))
    headers.append(KafkaHeader(Self.roundHeader, String(round)))
    if let origin { headers.append(KafkaHeader(Self.originHeader, origin)) }
    return headers
  }
}
