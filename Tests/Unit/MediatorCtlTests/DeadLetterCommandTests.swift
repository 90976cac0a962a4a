import ArgumentParser
import Kafka
import Testing
import Values
import Wire

@testable import Mediator
@testable import mediatorctl

@Suite struct DeadLetterCommandTests {
  private func entry(
    _ status: DeadLetterStatus = .open, rounds: Int = 0, topic: String = "readings", instance: UUIDValue? = nil
  ) -> DeadLetterEntry {
    let now = Timestamp(microseconds: 1_700_000_000_000_000)
    return DeadLetterEntry(
      id: DeadLetterID(shard: 3, sequence: 17), status: status, reason: "notJSON", detail: "no", topic: topic,
      partition: 4, offset: 17, key: [0xff], bytes: 2, rounds: rounds, isEdited: false, instance: instance,
      workflow: nil, unpublished: nil, createdAt: now, changedAt: now)
  }

  @Test func whatIsNotSentAgain() {
    func reason(_ entry: DeadLetterEntry, force: Bool = false) -> String? {
      RedriveRefusal.reason(entry, maxRounds: 3, isForced: force)
    }
    #expect(reason(entry()) == nil)
    #expect(reason(entry(.redriven, rounds: 2)) == nil)
    #expect(reason(entry(.redriven, rounds: 3))?.contains("--force") == true)
    #expect(reason(entry(.open, rounds: 3))?.contains("3 times") == true)
    for status in [DeadLetterStatus.parked, .dropped] {
      #expect(reason(entry(status, rounds: 3))?.contains("--force") == true)
      #expect(reason(entry(status, rounds: 3), force: true) == nil)
    }
    // Not even with force: its reply would belong to nothing.
    let call = entry(topic: "mediator.channel.oracle", instance: UUIDValue(high: 1, low: 2))
    #expect(reason(call, force: true)?.contains("instances retry 00000000-0000-0001-") == true)
  }

  @Test func ratesAndHeaders() {
    #expect(RateArgument(argument: "50/s")?.perSecond == 50)
    #expect(RateArgument(argument: "90/m")?.perSecond == 1.5)
    #expect(RateArgument(argument: "7")?.perSecond == 7)
    for text in ["", "0/s", "-1/s", "1/h", "x/s", "1/s/s", "inf/s"] { #expect(RateArgument(argument: text) == nil) }
    #expect(HeaderArgument(argument: "a=b=c")?.value == "b=c")
    #expect(HeaderArgument(argument: "a=")?.value == "")
    #expect(HeaderArgument(argument: "=b") == nil)
    #expect(HeaderArgument(argument: "ab") == nil)
  }

  @Test func headersAreSetAndRemoved() throws {
    let command = try DeadLetterEdit.parse(["3-17", "--set-header", "a=new", "--remove-header", "b"])
    let headers = ["a", "b", "c", "a"].map { KafkaHeader(name: $0, value: [1]) }
    #expect(
      command.edited(headers) == [
        KafkaHeader(name: "c", value: [1]), KafkaHeader(name: "a", value: Array("new".utf8)),
      ])
    #expect(throws: (any Error).self) { try DeadLetterEdit.parse(["3-17"]) }
    #expect(throws: (any Error).self) { try DeadLetterEdit.parse(["317", "--remove-header", "b"]) }
  }

  /// Nothing is done to all of them by accident.
  @Test func somethingHasToSayWhich() throws {
    #expect(throws: (any Error).self) { try DeadLetterRedrive.parse([]) }
    #expect(throws: (any Error).self) { try DeadLetterRedrive.parse(["--yes"]) }
    #expect(throws: (any Error).self) { try DeadLetterRedrive.parse(["3-17", "--reason", "notJSON"]) }
    #expect(throws: (any Error).self) { try DeadLetterDrop.parse(["3-17"]) }
    _ = try DeadLetterRedrive.parse(["3-17", "3-18", "--rate", "5/s"])
    let command = try DeadLetterRedrive.parse(["--parked", "--force"])
    #expect(command.selection.filter.filter(otherwise: [.open]).statuses == [.parked])
  }

  @Test func bytesAreTextOrHex() throws {
    let record = KafkaRecord(
      topic: "readings", partition: 4, offset: 17, timestamp: 5, key: nil, value: [0xff, 0x00],
      headers: [KafkaHeader(name: "x", value: Array("é".utf8)), KafkaHeader(name: "y", value: nil)])
    let report = DeadLetterReport(
      DeadLetterDetail(entry: entry(), original: record, edited: nil, history: []), instances: [])
    #expect(report.json["value"] == ["hex": "ff00"])
    #expect(
      report.json["headers"] == [["name": "x", "value": ["text": "é"]], ["name": "y", "value": .null]])
    #expect(report.json["key"] == "0xff")
    let text = report.text(Style.plain(now: Timestamp(microseconds: 1_700_000_000_000_000)))
    #expect(text.contains("Value (2 bytes)\n  ff 00"))
    #expect(text.contains("x: é"))
    #expect(text.contains("y: (none)"))
    #expect(text.contains("mediatorctl dlq redrive 3-17"))
  }
}
