@testable import Hosting
import Logging
import Synchronization
import Testing
import Values

@Suite struct LoggingTests {
  private final class Lines: Sendable {
    let all = Mutex<[String]>([])
    var handler: @Sendable (String) -> Void { { line in self.all.withLock { $0.append(line) } } }
    var withoutTimes: [String] { all.withLock { $0 }.map { String($0.drop { $0 != " " }) } }
  }

  private let time = Timestamp(rfc3339: "2026-01-31T12:00:00.123Z") ?? Timestamp(microseconds: 0)

  @Test func aLineOfText() {
    let line = LogLine(
      time: time, level: .warning, component: "mediator", message: "shard taken",
      metadata: ["shard": "3", "owner": "a b", "empty": "", "list": ["x", "y"], "quote": "a\"b"], error: "Timeout()")
    #expect(
      line.text
        == "2026-01-31T12:00:00.123Z warning mediator: shard taken "
        + #"empty="" list="[\"x\", \"y\"]" owner="a b" quote="a\"b" shard=3 error=Timeout()"#)
  }

  @Test func noTextCanPoseAsALineOfItsOwn() {
    let line = LogLine(
      time: time, level: .info, component: "a\nb", message: "x\r\n2026 error \u{1B}[31m\u{2028}",
      metadata: ["k\n": "v\n"], error: nil)
    #expect(
      line.text
        == #"2026-01-31T12:00:00.123Z info a\nb: x\r\n2026 error \u{1b}[31m\u{2028} k\n=v\n"#)
    #expect(!line.json.contains("\n"))
  }

  @Test func aLineOfJSON() throws {
    let line = LogLine(
      time: time, level: .error, component: "c", message: "m \"q\"", metadata: ["a": "1", "time": "x"], error: "e")
    #expect(
      try JSON.parse(line.json) == [
        "time": "2026-01-31T12:00:00.123Z", "level": "error", "component": "c", "message": "m \"q\"", "a": "1",
        "metadata.time": "x", "error": "e",
      ])
  }

  @Test func loggersWriteThroughTheHandler_andHideSecrets() {
    let lines = Lines()
    let redactor = SecretRedactor(["abc-TOKEN", "abc-TOKEN-long", "x"])
    var logger = Logger(label: "t") {
      LineLogHandler(
        label: $0, settings: LogSettings(level: .notice), redactor: redactor, write: lines.handler)
    }
    logger[metadataKey: "own"] = "1"
    logger.info("not shown")
    logger.notice("url /botabc-TOKEN/send x", metadata: ["a": "abc-TOKEN-long", "own": "2"])
    redactor.add(["late secret"])
    logger.error("late secret\u{301}")
    let all = lines.all.withLock { $0 }
    #expect(all.count == 2)
    #expect(all[0].hasSuffix(" notice t: url /bot***/send x a=*** own=2"))
    #expect(all[1].utf8.count > 0 && !Array(all[1].utf8).contains(Array("late secret".utf8)))
  }

  private func stateLog(to lines: Lines) -> StateLog {
    let logger = Logger(label: "t") {
      LineLogHandler(label: $0, settings: LogSettings(), redactor: SecretRedactor(), write: lines.handler)
    }
    return StateLog("Kafka", logger: logger)
  }

  @Test func oneLinePerChangeOfState() {
    let lines = Lines()
    let log = stateLog(to: lines)
    let start = ContinuousClock.now
    #expect(log.isUp == nil)
    log.up(at: start)
    log.up(at: start + .seconds(1))
    for second in 2..<10 { log.down("refused \(second)", at: start + .seconds(second)) }
    #expect(log.isUp == false)
    log.up(at: start + .milliseconds(14_340))
    log.up(at: start + .seconds(20))
    log.down("again", at: start + .seconds(30))
    #expect(
      lines.withoutTimes == [
        #" warning t: Kafka is down reason="refused 2""#, " notice t: Kafka is back after=12.3s failures=8",
        " warning t: Kafka is down reason=again",
      ])
  }

  @Test func anotherReasonIsToldMoreAndMoreSeldom() {
    let lines = Lines()
    let log = stateLog(to: lines)
    let start = ContinuousClock.now
    for second in 0..<45 { log.down("reason \(second)", at: start + .seconds(second)) }
    for second in 45..<1000 { log.down("reason 40", at: start + .seconds(second)) }
    #expect(
      lines.withoutTimes == [
        #" warning t: Kafka is down reason="reason 0""#,
        #" warning t: Kafka is still down after=10.0s reason="reason 10""#,
        #" warning t: Kafka is still down after=20.0s reason="reason 20""#,
        #" warning t: Kafka is still down after=40.0s reason="reason 40""#,
      ])
  }
}
