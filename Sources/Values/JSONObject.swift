/// The members of a JSON object: names are unique, order is kept but does not count for equality.
///
/// A few members are searched one by one, which is faster than hashing; an index is kept beyond that.
public struct JSONObject: Sendable {
  typealias Member = (key: String, value: JSON)

  private static let largestWithoutIndex = 16

  private(set) var members: [Member]
  private var index: [ByteKey: Int]?

  public init() { members = [] }

  /// Of two members with the same name the later one stays, in the place of the earlier.
  public init(_ members: some Sequence<(String, JSON)>) {
    self.members = []
    self.members.reserveCapacity(members.underestimatedCount)
    for (key, value) in members { self[key] = value }
  }

  /// - Parameter members: no two of the same name.
  public init(uniqueMembers members: [(key: String, value: JSON)]) {
    self.members = members
    if members.count > Self.largestWithoutIndex { rebuildIndex() }
    assert(Set(members.map { ByteKey($0.key) }).count == members.count, "a name is repeated")
  }

  public var count: Int { members.count }
  public var isEmpty: Bool { members.isEmpty }
  public var keys: [String] { members.map(\.key) }
  public var values: [JSON] { members.map(\.value) }

  /// Setting `nil` removes the member.
  public subscript(key: String) -> JSON? {
    get { place(of: key).map { members[$0].value } }
    set {
      switch (place(of: key), newValue) {
      case (let place?, let value?): members[place].value = value
      case (let place?, nil): remove(at: place)
      case (nil, let value?): append(key, value)
      case (nil, nil): break
      }
    }
  }

  mutating func reserveCapacity(_ count: Int) { members.reserveCapacity(count) }

  /// Adds a member unless there is one of that name.
  mutating func appendIfNew(_ key: String, _ value: consuming JSON) -> Bool {
    guard place(of: key) == nil else { return false }
    append(key, value)
    return true
  }

  private mutating func append(_ key: String, _ value: consuming JSON) {
    members.append((key, value))
    if members.count > Self.largestWithoutIndex {
      if index == nil { rebuildIndex() } else { index?[ByteKey(key)] = members.count - 1 }
    }
  }

  private mutating func remove(at place: Int) {
    members.remove(at: place)
    if members.count > Self.largestWithoutIndex { rebuildIndex() } else { index = nil }
  }

  private mutating func rebuildIndex() {
    var index = [ByteKey: Int](minimumCapacity: members.count * 2)
    for (place, member) in members.enumerated() { index[ByteKey(member.key)] = place }
    self.index = index
  }

  private func place(of key: String) -> Int? {
    if let index { return index[ByteKey(key)] }
    for place in members.indices where members[place].key.hasSameBytes(as: key) { return place }
    return nil
  }
}

extension JSONObject: Sequence {
  public func makeIterator() -> some IteratorProtocol<(key: String, value: JSON)> { members.makeIterator() }
  public var underestimatedCount: Int { members.count }
}

extension JSONObject: Hashable {
  public static func == (left: JSONObject, right: JSONObject) -> Bool {
    guard left.count == right.count else { return false }
    return left.members.allSatisfy { right[$0.key] == $0.value }
  }

  public func hash(into hasher: inout Hasher) {
    // A sum, because order does not count.
    var sum = 0
    for member in members {
      var one = Hasher()
      one.combine(member.key)
      one.combine(member.value)
      sum &+= one.finalize()
    }
    hasher.combine(sum)
  }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
  public init(dictionaryLiteral elements: (String, JSON)...) { self.init(elements) }
}

/// A name that is equal to another only byte by byte.
private struct ByteKey: Hashable, Sendable {
  let text: String

  init(_ text: String) { self.text = text }

  static func == (left: ByteKey, right: ByteKey) -> Bool { left.text.hasSameBytes(as: right.text) }
  func hash(into hasher: inout Hasher) { hasher.combine(text) }
}
