/// Which SQL texts are prepared on one connection, under which name and with which parameter types.
///
/// Pure bookkeeping: says what to prepare and what to deallocate, talks to nobody.
struct StatementCache {
  enum Plan: Equatable {
    case ready(name: String)
    /// `types`: one type OID per parameter, 0 where the server is to infer it.
    case prepare(name: String, types: [UInt32])
  }

  fileprivate struct Entry {
    var name: String
    var types: [UInt32]
    var isConfirmed: Bool
    var lastUse: UInt64
  }

  private let limit: Int
  private var entries: [String: Entry] = [:]
  private var uses: UInt64 = 0
  private var names = 0
  private var unconfirmed: [String] = []
  private var dropped: [String] = []

  init(limit: Int) { self.limit = max(1, limit) }

  /// What a call with these parameters has to do. A NULL fits every type; where a type was not known so far and now is,
  /// the statement is prepared again with both calls' types, so a text settles on one statement.
  mutating func plan(_ sql: String, _ parameters: [PostgresValue]) -> Plan {
    uses += 1
    if let index = entries.index(forKey: sql) {
      if entries.values[index].fits(parameters) {
        entries.values[index].lastUse = uses
        return .ready(name: entries.values[index].name)
      }
      return add(sql, types: entries.values[index].merged(parameters), replacing: entries.values[index])
    }
    return add(sql, types: parameters.map(\.typeOID), replacing: nil)
  }

  private mutating func add(_ sql: String, types: [UInt32], replacing old: Entry?) -> Plan {
    if let old, old.isConfirmed { dropped.append(old.name) }
    names += 1
    let entry = Entry(name: "s\(names)", types: types, isConfirmed: false, lastUse: uses)
    entries[sql] = entry
    unconfirmed.append(sql)
    return .prepare(name: entry.name, types: types)
  }

  /// The server has parsed the statement `name` of text `sql`.
  mutating func confirm(_ sql: String, name: String) {
    if entries[sql]?.name == name {
      entries[sql]?.isConfirmed = true
    } else {
      dropped.append(name)
    }
  }

  /// To be called at the end of each exchange: what was not confirmed does not exist.
  mutating func endExchange() {
    if unconfirmed.isEmpty { return }
    for sql in unconfirmed where entries[sql]?.isConfirmed == false { entries[sql] = nil }
    unconfirmed.removeAll()
  }

  /// The server does not know, or cannot use, what was prepared.
  mutating func forgetAll() {
    for sql in Array(entries.keys) { forget(sql) }
  }

  private mutating func forget(_ sql: String) {
    if let entry = entries.removeValue(forKey: sql), entry.isConfirmed { dropped.append(entry.name) }
  }

  /// Names to deallocate at the server: those replaced, and the least recently used beyond the limit.
  mutating func takeDropped() -> [String] {
    while entries.count > limit, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
      forget(oldest.key)
    }
    defer { dropped.removeAll() }
    return dropped
  }

  var hasDropped: Bool { !dropped.isEmpty || entries.count > limit }
}

extension StatementCache.Entry {
  fileprivate func fits(_ parameters: [PostgresValue]) -> Bool {
    guard types.count == parameters.count else { return false }
    for index in parameters.indices {
      let type = parameters[index].typeOID
      if type != 0 && type != types[index] { return false }
    }
    return true
  }

  fileprivate func merged(_ parameters: [PostgresValue]) -> [UInt32] {
    parameters.enumerated().map { index, value in
      let type = value.typeOID
      return type == 0 && index < types.count ? types[index] : type
    }
  }
}
