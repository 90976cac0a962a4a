import Glibc

/// Why there are no rules of a time zone.
public struct TimeZoneError: Error, Hashable, CustomStringConvertible {
  public enum Code: String, Sendable {
    /// No name that the tz database could have.
    case name
    /// This machine has no such zone.
    case unknown
    case unreadable
    /// No TZif file, or one of a kind that is not read.
    case malformed
  }

  public let code: Code
  public let message: String
  public let hint: String?

  public var description: String { message }
}

extension TimeZoneRules {
  private static let largestFile = 1 << 20

  /// The rules of a zone such as `Europe/Berlin`, from this machine's tz database. `UTC` needs no file. Reads the file at
  /// every call, so the caller keeps what it needs.
  public static func load(_ name: String) throws(TimeZoneError) -> TimeZoneRules {
    try load(name, from: "/usr/share/zoneinfo")
  }

  static func load(_ name: String, from directory: String) throws(TimeZoneError) -> TimeZoneRules {
    guard !["UTC", "Etc/UTC"].contains(name) else { return .utc }
    guard isName(name) else {
      throw TimeZoneError(
        code: .name, message: "This is no name of a time zone", hint: "names look like Europe/Berlin, or UTC")
    }
    do throws(TimeZoneError) {
      return try TimeZoneRules(tzif: try contents(of: "\(directory)/\(name)", zone: name))
    } catch {
      throw TimeZoneError(code: error.code, message: "Time zone \(name): \(error.message)", hint: error.hint)
    }
  }

  /// Parts of letters, digits, `+`, `-` and `_` between single slashes: nothing that leaves the folder.
  private static func isName(_ name: String) -> Bool {
    let parts = name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    return name.utf8.count <= 64
      && parts.allSatisfy { part in
        !part.isEmpty
          && part.allSatisfy { 0x30...0x39 ~= $0 || 0x41...0x5A ~= $0 & 0xDF || [0x2B, 0x2D, 0x5F].contains($0) }
      }
  }

  private static func contents(of path: String, zone: String) throws(TimeZoneError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      guard errno == ENOENT || errno == ENOTDIR else { throw unreadable(path) }
      throw TimeZoneError(
        code: .unknown, message: "this machine does not know it (there is no \(path))",
        hint: "check the spelling, upper and lower case too, and that the package tzdata is installed")
    }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 8_192)
    while bytes.count <= largestFile {
      let count = read(descriptor, &chunk, chunk.count)
      if count == 0 { return bytes }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw unreadable(path) }
      bytes += chunk[..<count]
    }
    throw TimeZoneError(code: .malformed, message: "\(path) is too large", hint: nil)
  }

  private static func unreadable(_ path: String) -> TimeZoneError {
    TimeZoneError(
      code: .unreadable, message: "\(path) cannot be read: \(String(cString: strerror(errno)))",
      hint: "a zone is a file, not a folder: Europe/Berlin")
  }
}

// MARK: - TZif

extension TimeZoneRules {
  /// Reads a TZif file of version 2 or later (RFC 9636, which replaced RFC 8536). Version 1 ends in 2038, and files that
  /// count leap seconds (`right/`) do not go with POSIX time; both are refused.
  public init(tzif bytes: some Collection<UInt8>) throws(TimeZoneError) {
    var reader = TZifReader(bytes: Array(bytes))
    guard let first = reader.header(), first.version >= UInt8(ascii: "2"), reader.skip(first.size(ofTime: 4)),
      let header = reader.header(), header.version == first.version
    else { throw Self.malformed("no TZif file of version 2 or later") }
    guard header.leapSeconds == 0 else { throw Self.malformed("a file with leap seconds") }
    guard let data = reader.data(header) else { throw Self.malformed("the data of the file are damaged") }
    guard let footer = reader.footer() else { throw Self.malformed("the end of the file is damaged") }
    var afterwards: PosixTimeZone?
    if !footer.isEmpty {
      guard let rules = PosixTimeZone(footer) else { throw Self.malformed("the rules at its end are damaged") }
      afterwards = rules
    }
    self.init(initial: data.initial, transitions: data.transitions, afterwards: afterwards)
  }

  private static func malformed(_ message: String) -> TimeZoneError {
    TimeZoneError(code: .malformed, message: message, hint: "reinstall the package tzdata")
  }
}

private struct TZifReader {
  let bytes: [UInt8]
  private var place = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  /// RFC 9636, section 3.1.
  struct Header {
    let version: UInt8
    let utIndicators, standardIndicators, leapSeconds, transitions, types, characters: Int

    func size(ofTime time: Int) -> Int {
      transitions * (time + 1) + types * 6 + characters + leapSeconds * (time + 4) + standardIndicators + utIndicators
    }
  }

  mutating func header() -> Header? {
    guard bytes.count - place >= 44, bytes[place..<place + 4].elementsEqual("TZif".utf8) else { return nil }
    let version = bytes[place + 4]
    let counts = (0..<6).map { Int(integer(at: place + 20 + $0 * 4, count: 4)) }
    place += 44
    // Whatever the counts are, the sum of their sizes does not overflow.
    return Header(
      version: version, utIndicators: counts[0], standardIndicators: counts[1], leapSeconds: counts[2],
      transitions: counts[3], types: counts[4], characters: counts[5])
  }

  mutating func skip(_ count: Int) -> Bool {
    guard count <= bytes.count - place else { return false }
    place += count
    return true
  }

  /// Section 3.2. Type 0 holds before the first transition.
  mutating func data(_ header: Header) -> (initial: Int64, transitions: [TimeZoneRules.Transition])? {
    let start = place
    guard header.types > 0, skip(header.size(ofTime: 8)) else { return nil }
    let kinds = start + header.transitions * 8
    let offsets = (0..<header.types).map { type in
      Int64(Int32(truncatingIfNeeded: integer(at: kinds + header.transitions + type * 6, count: 4)))
    }
    guard offsets.allSatisfy(TimeZoneRules.offsets.contains) else { return nil }
    var transitions: [TimeZoneRules.Transition] = []
    for number in 0..<header.transitions {
      let time = Int64(bitPattern: integer(at: start + number * 8, count: 8))
      let type = Int(bytes[kinds + number])
      guard type < offsets.count, TimeZoneRules.beginning < time, time < TimeZoneRules.end,
        transitions.last.map({ $0.time < time }) ?? true
      else { return nil }
      transitions.append(.init(time: time, offset: offsets[type]))
    }
    return (offsets[0], transitions)
  }

  /// Section 3.3: a line between two line ends.
  func footer() -> ArraySlice<UInt8>? {
    guard place < bytes.count, bytes[place] == UInt8(ascii: "\n") else { return nil }
    let rest = bytes[(place + 1)...]
    return rest.firstIndex(of: UInt8(ascii: "\n")).map { rest[..<$0] }
  }

  /// Big-endian.
  private func integer(at place: Int, count: Int) -> UInt64 {
    bytes[place..<place + count].reduce(0) { $0 << 8 | UInt64($1) }
  }
}
