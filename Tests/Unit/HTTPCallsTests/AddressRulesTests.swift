import HTTP
import Testing
import Values

@testable import HTTPCalls

@Suite struct AddressRulesTests {
  private func rules(_ patterns: String...) throws -> AddressRules {
    AddressRules(try patterns.map { try #require(HostPattern($0), "\($0)") })
  }

  private func admits(_ rules: AddressRules, _ host: String, _ address: String, _ port: Int = 443) throws -> Bool {
    let bytes = try #require(IPAddress.bytes(of: address))
    return rules.admits(HTTPPeer(host: host, address: bytes, port: port))
  }

  @Test(arguments: [
    "127.0.0.1", "127.255.0.1", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "100.127.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.19.0.1",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "fe80::1", "fec0::1", "fc00::1", "fd12::1", "ff02::1",
    "64:ff9b::a00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "4000::1",
  ])
  func whatIsNotPublicIsNotAdmitted(_ address: String) throws {
    #expect(try !admits(AddressRules(), "evil.example", address))
    #expect(try !admits(rules("*"), "evil.example", address))
    #expect(try !admits(rules("*.example"), "evil.example", address))
    #expect(try admits(rules("evil.example"), "evil.example", address))
  }

  @Test(arguments: [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "172.15.0.1", "172.32.0.1", "192.167.0.1", "100.63.0.1",
    "100.128.0.1", "198.17.0.1", "198.20.0.1", "223.255.255.255", "::ffff:8.8.8.8", "2606:4700::1111",
    "2a00:1450::1", "2001:4860::8888",
  ])
  func whatIsPublicIsAdmitted(_ address: String) throws {
    #expect(try admits(AddressRules(), "any.example", address))
    #expect(try admits(rules("*"), "any.example", address))
    #expect(try admits(rules("*.example"), "any.example", address))
    #expect(try !admits(rules("*.example"), "any.other", address))
    #expect(try !admits(rules("10.0.0.0/8"), "any.example", address))
  }

  @Test func blocksAndPorts() throws {
    let block = try rules("10.0.0.0/8:8080", "[fd00::/8]:8080", "::1")
    #expect(try admits(block, "a.internal", "10.200.3.4", 8080))
    #expect(try !admits(block, "a.internal", "10.200.3.4", 8081))
    #expect(try admits(block, "10.1.1.1", "10.1.1.1", 8080))
    #expect(try !admits(block, "a.internal", "11.0.0.1", 8080))
    #expect(try admits(block, "a.internal", "fd12::1", 8080))
    #expect(try admits(block, "a.internal", "::1", 1))
    #expect(try admits(block, "a.internal", "::ffff:10.0.0.1", 8080))
    #expect(try admits(rules("127.0.0.1"), "127.0.0.1", "127.0.0.1"))
    #expect(try admits(rules("192.168.128.0/17"), "h", "192.168.128.1"))
    #expect(try !admits(rules("192.168.128.0/17"), "h", "192.168.127.255"))
    #expect(try admits(rules("0.0.0.0/0"), "h", "127.0.0.1"))
    #expect(try admits(rules("::ffff:10.0.0.0/104"), "h", "10.1.1.1"))
  }

  @Test func namesAndPorts() throws {
    let names = try rules("API.example.com:443", "*.trusted.org")
    #expect(try admits(names, "api.example.com", "1.1.1.1"))
    #expect(try admits(names, "API.Example.com.", "1.1.1.1"))
    #expect(try !admits(names, "api.example.com", "1.1.1.1", 80))
    #expect(try !admits(names, "xapi.example.com", "1.1.1.1"))
    #expect(try admits(names, "a.b.trusted.org", "1.1.1.1"))
    #expect(try !admits(names, "trusted.org", "1.1.1.1"))
    #expect(try !admits(names, "untrusted.org", "1.1.1.1"))
    // One that is named leads where it leads.
    #expect(try admits(rules("localhost"), "localhost", "127.0.0.1"))
  }

  @Test(arguments: [
    "", "*.", "a b", "http://x", "x/y", "10.0.0.0/33", "10.0.0.0/-1", "x:0", "x:70000", "x:", "[::1", "**",
  ])
  func whatIsNoPattern(_ text: String) { #expect(HostPattern(text) == nil) }

  @Test func aNameThatNobodyMayCallIsNotLookedUp() throws {
    func mayAdmit(_ rules: AddressRules, _ url: String) throws -> Bool { rules.mayAdmit(try HTTPURL(url)) }
    #expect(try mayAdmit(AddressRules(), "https://x.org/"))
    #expect(try mayAdmit(AddressRules(), "http://localhost/"), "known only after the look-up")
    #expect(try !mayAdmit(rules("y.org"), "https://x.org/"))
    #expect(try !mayAdmit(rules("x.org:80"), "https://x.org/"))
    #expect(try mayAdmit(rules("10.0.0.0/8"), "https://x.org/"))
    #expect(try !mayAdmit(rules("10.0.0.0/8:80"), "https://x.org/"))
    #expect(try !mayAdmit(AddressRules(), "http://[::ffff:127.0.0.1]/"))
  }

  /// The forms of 127.0.0.1 that `inet_aton` knows, all of which libcurl reads.
  @Test(arguments: ["2130706433", "0x7f000001", "017700000001", "127.1", "0177.0.0.1", "0x7f.1", "127.0.0.1"])
  func numbersOfAnyNotation(_ host: String) throws {
    let url = try HTTPURL("http://\(host)/")
    #expect(url.host == "127.0.0.1")
    #expect(!AddressRules().mayAdmit(url))
  }
}
