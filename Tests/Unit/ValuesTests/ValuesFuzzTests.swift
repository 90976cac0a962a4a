import Testing
import Values

/// Nothing that anyone can write stops the process, hangs it, or gives an answer that cannot be.
@Suite("Fuzzing of schedules, URI templates and durations")
struct ValuesFuzzTests {
  private static let inputs = 20_000

  /// Random bytes, random pieces, or a valid text with a few changes.
  private static func text(_ random: inout Generator, samples: [String], pieces: [String]) -> String {
    switch random.next(upTo: 8) {
    case 0:
      let bytes = (0..<random.next(upTo: 30)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      return String(decoding: bytes, as: UTF8.self)
    case 1, 2: return (0..<random.next(upTo: 14)).map { _ in random.pick(pieces) }.joined()
    default:
      var scalars = Array(random.pick(samples).unicodeScalars)
      for _ in 0..<random.next(upTo: 4) {
        let place = Int(random.next(upTo: UInt64(scalars.count)))
        switch random.next(upTo: 4) {
        case 0 where !scalars.isEmpty: scalars.remove(at: place)
        case 1 where !scalars.isEmpty: scalars.swapAt(place, Int(random.next(upTo: UInt64(scalars.count))))
        case 2 where !scalars.isEmpty: scalars[place] = random.pick(scalars)
        default: scalars.insert(contentsOf: random.pick(pieces).unicodeScalars, at: place)
        }
      }
      var text = String.UnicodeScalarView()
      text.append(contentsOf: scalars)
      return String(text)
    }
  }

  @Test func schedules() throws {
    var random = Generator(seed: 5)
    let zones = try ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"].map { try TimeZoneRules.load($0) }
    let samples = [
      "* * * * *", "*/15 0-6,22 1,15 * MON-FRI", "30 2 29 2 *", "0 0 31 jan-DEC/2 7", "59 23 * * sun,3", "@daily",
      "0 0 30 2 *", " 5 \t4 1-31/3  */2 1-7", "@yearly",
    ]
    let pieces = [
      "*", " ", " ", " ", "/", "-", ",", "0", "1", "7", "12", "31", "59", "60", "jan", "FRI", "sun", "@", "@weekly",
      "\t",
      "\u{0}", "é", "٣", "99999999999999999999", "?", "L", "#", "e\u{301}", "\n", "* * * ",
    ]
    var (tried, accepted, answered) = (0, 0, 0)
    for _ in 0..<Self.inputs {
      let text = Self.text(&random, samples: samples, pieces: pieces)
      tried += 1
      do throws(CronError) {
        let schedule = try CronExpression(text)
        accepted += 1
        let after = Timestamp(microseconds: Int64(random.next(upTo: 6_000_000_000_000_000)) - 1_000_000_000_000_000)
        let zone = random.pick(zones)
        guard let next = schedule.next(after: after, in: zone) else { continue }
        answered += 1
        #expect(next > after, "\(text)")
        // Nothing lies between the two.
        #expect(schedule.next(after: next - .microseconds(1), in: zone) == next, "\(text) after \(after)")
      } catch {
        #expect(0...text.utf8.count ~= error.offset, "\(text): \(error)")
      }
    }
    #expect(tried == Self.inputs && accepted > 3_000 && answered > 2_500, "\(tried) \(accepted) \(answered)")
    print("fuzz: \(tried) cron expressions, \(accepted) of them accepted")
  }

  @Test func uriTemplates() {
    var random = Generator(seed: 6_570)
    let samples = [
      "https://host/pet/{petId}", "{+path:6}/here", "{?x,y*,z:3}", "X{.list*}{;a.b,%20}", "{#h}{&c}{/d,e*}",
      "plain/ä b%",
    ]
    let pieces = [
      "{", "}", "{", "}", "{a}", "{?", "+", "#", ".", "/", ";", "?", "&", ",", "*", ":", "3", "9999", "%", "%2F", "x",
      "_",
      "=", "!", "é", "\u{0}", "e\u{301}", "🇩🇪", " ",
    ]
    var (tried, accepted) = (0, 0)
    for _ in 0..<Self.inputs {
      let text = Self.text(&random, samples: samples, pieces: pieces)
      tried += 1
      do throws(URITemplateError) {
        let template = try URITemplate(text)
        accepted += 1
        let value = random.json(depth: random.next(upTo: 8) == 0 ? 2 : 1)
        let uri = template.expand { $0 == "a" ? nil : value }
        if template.variables.isEmpty {
          #expect(Array(uri.utf8) == Array(text.utf8))
        } else {
          // All that is not allowed in a URI is escaped, so that expanding again changes nothing.
          #expect(uri.utf8.allSatisfy { 0x21...0x7E ~= $0 && !"{}<>\"\\^`|".utf8.contains($0) }, "\(text): \(uri)")
          #expect((try? URITemplate(uri))?.expand { _ in nil } == uri)
        }
      } catch {
        #expect(0..<text.utf8.count ~= error.offset, "\(text): \(error)")
      }
    }
    #expect(tried == Self.inputs && accepted > 5_000, "\(tried) \(accepted)")
    print("fuzz: \(tried) URI templates, \(accepted) of them accepted")
  }

  @Test func durations() {
    var random = Generator(seed: 8_601)
    let samples = ["P1DT2H3.5S", "P2W", "PT0S", "PT36H", "PT1,5S", "P1DT1H1M1.000000001S", "PT999999999999S"]
    let pieces = [
      "P", "T", "W", "D", "H", "M", "S", "Y", "-", "+", ".", ",", "0", "1", "007", "59", "1000000000000", "٣", "é", " ",
      "99999999999999999999", "\u{0}", "S\u{301}",
    ]
    var (tried, accepted) = (0, 0)
    for _ in 0..<Self.inputs {
      let text = Self.text(&random, samples: samples, pieces: pieces)
      tried += 1
      guard let duration = ISO8601Duration.parse(text) else { continue }
      accepted += 1
      #expect(duration >= .zero, "\(text)")
      let written = ISO8601Duration.format(duration)
      #expect(ISO8601Duration.parse(written) == duration && written.utf8.allSatisfy { $0 < 0x80 }, "\(text)")
      #expect(ISO8601Duration.format(ISO8601Duration.parse(written) ?? .zero) == written, "\(text)")
    }
    #expect(tried == Self.inputs && accepted > 4_000, "\(tried) \(accepted)")
    print("fuzz: \(tried) durations, \(accepted) of them accepted")
  }

  /// Down to nanoseconds and up to what is read, a duration survives being written.
  @Test func durationsOfAnyLength() {
    var random = Generator(seed: 9)
    for _ in 0..<Self.inputs {
      let seconds = Int64(random.next(upTo: 1_000_000_000_000) >> random.next(upTo: 40))
      let duration = Duration.seconds(seconds) + .nanoseconds(Int64(random.next(upTo: 1_000_000_000)))
      #expect(ISO8601Duration.parse(ISO8601Duration.format(duration)) == duration, "\(duration)")
    }
    for duration in [Duration.seconds(Int64.max), .seconds(Int64.min), .nanoseconds(Int64.max)] {
      _ = ISO8601Duration.format(duration)
    }
  }
}
