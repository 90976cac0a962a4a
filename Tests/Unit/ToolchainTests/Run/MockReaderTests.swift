import Testing
import Toolchain

@Suite struct MockReaderTests {
  @Test func mistakesHaveTheirPlaces() {
    #expect(
      mistakes("calls: {a: {replay: 1}}") == [
        "1:12: an answer needs one of: reply, fail, silent, undeliverable",
        "1:13: 'replay' is no key of 'answer' | Did you mean 'reply'?",
      ])
    #expect(mistakes("call: {}") == ["1:1: 'call' is no key of 'mocks' | Did you mean 'calls'?"])
    #expect(
      mistakes("calls: {a: {reply: 1, fail: {}}}") == [
        "1:23: 'reply' and 'fail' exclude one another | make a list of answers of it: they are given one after another"
      ])
    #expect(
      mistakes("calls: {a: {reply: 1, after: soon}}") == [
        "1:30: 'after' must be a duration such as PT5S, PT1H or P2D, not 'soon'"
      ])
    #expect(
      mistakes("calls: {a: {fail: {status: 42}}}") == ["1:28: 'status' must be a whole number from 100 to 599, not 42"])
    #expect(mistakes("calls: {a: []}") == ["1:12: 'a' has no answer"])
    #expect(mistakes("calls: [1]") == ["1:8: 'calls' must be a mapping, not a list"])
    #expect(mistakes("http: {orders: {status: 200}}").first?.hasPrefix("1:8: 'orders' names no requests") == true)
    #expect(mistakes("events: [{at: PT1S}]") == ["1:10: 'event' is missing"])
    #expect(mistakes("events: [{event: {data: 1}}]") == ["1:18: 'type' is missing in 'event'"])
    #expect(mistakes("workflows: {other: {reply: 1}}") == ["1:13: 'other' names no workflow | namespace/name"])
    #expect(mistakes("start: tomorrow") == ["1:8: 'start' must be a time such as 2026-01-31T12:00:00Z"])
    #expect(mistakes("calls: {a: {silent: false}}") == ["1:21: 'silent' is true, or left out"])
    #expect(mistakes("calls: {a: {reply: '${ $nope }'}}").first?.hasPrefix("1:24: ") == true)
    #expect(mistakes("a: 1\na: 2").first?.hasPrefix("2:1: the key 'a' is here already") == true)
  }

  @Test func patternsOfRequests() throws {
    func matches(_ pattern: String, _ method: String, _ uri: String) throws -> Bool {
      try #require(HTTPPattern(pattern)).matches(method: method, uri: uri)
    }
    #expect(try matches("get https://a.example/x", "GET", "https://a.example/x"))
    #expect(try matches("GET https://a.example/x", "GET", "https://a.example/x?q=1"))
    #expect(try matches("GET https://a.example", "GET", "https://a.example/"))
    #expect(try matches("GET https://a.example/x?q=*", "GET", "https://a.example/x?q=1"))
    #expect(try matches("* https://*.example/*/y", "PUT", "https://a.example/x/y"))
    #expect(try !matches("GET https://a.example/x", "POST", "https://a.example/x"))
    #expect(try !matches("GET https://a.example/x", "GET", "https://a.example/xy"))
    #expect(try !matches("GET https://a.example/x?q=2", "GET", "https://a.example/x?q=1"))
    #expect(try !matches("GET https://a*a", "GET", "https://a"))
    #expect(HTTPPattern("https://a.example") == nil)
  }
}
