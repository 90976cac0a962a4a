import Testing

@testable import Postgres

@Suite struct StatementCacheTests {
  @Test func preparesOnceAfterConfirmation() {
    var cache = StatementCache(limit: 10)
    #expect(cache.plan("a", [.int8(1)]) == .prepare(name: "s1", types: [TypeOID.int8]))
    #expect(cache.plan("a", [.int8(2)]) == .ready(name: "s1"))
    cache.confirm("a", name: "s1")
    cache.endExchange()
    #expect(cache.plan("a", [.int8(3)]) == .ready(name: "s1"))
    #expect(cache.plan("a", [.null]) == .ready(name: "s1"))
  }

  @Test func unconfirmedIsPreparedAgain() {
    var cache = StatementCache(limit: 10)
    _ = cache.plan("a", [])
    cache.endExchange()
    #expect(cache.plan("a", []) == .prepare(name: "s2", types: []))
    #expect(cache.takeDropped().isEmpty)
  }

  @Test func typesAreLearnt() {
    var cache = StatementCache(limit: 10)
    #expect(cache.plan("a", [.null, .int8(1)]) == .prepare(name: "s1", types: [0, TypeOID.int8]))
    cache.confirm("a", name: "s1")
    cache.endExchange()
    #expect(cache.plan("a", [.text("x"), .null]) == .prepare(name: "s2", types: [TypeOID.text, TypeOID.int8]))
    cache.confirm("a", name: "s2")
    cache.endExchange()
    #expect(cache.takeDropped() == ["s1"])
    #expect(cache.plan("a", [.null, .null]) == .ready(name: "s2"))
  }

  @Test func dropsTheLeastRecentlyUsed() {
    var cache = StatementCache(limit: 2)
    for sql in ["a", "b"] {
      guard case .prepare(let name, _) = cache.plan(sql, []) else { continue }
      cache.confirm(sql, name: name)
    }
    _ = cache.plan("a", [])
    guard case .prepare(let name, _) = cache.plan("c", []) else { return }
    cache.confirm("c", name: name)
    cache.endExchange()
    #expect(cache.hasDropped)
    #expect(cache.takeDropped() == ["s2"])
    #expect(!cache.hasDropped)
    #expect(cache.plan("a", []) == .ready(name: "s1"))
  }

  @Test func replacedWithinOneExchangeIsDropped() {
    var cache = StatementCache(limit: 10)
    _ = cache.plan("a", [.int8(1)])
    #expect(cache.plan("a", [.text("x")]) == .prepare(name: "s2", types: [TypeOID.text]))
    cache.confirm("a", name: "s1")
    cache.confirm("a", name: "s2")
    cache.endExchange()
    #expect(cache.takeDropped() == ["s1"])
  }
}
