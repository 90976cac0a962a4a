import Kafka
import Testing

@testable import Mediator

@Suite struct HeaderBytesTests {
  static let samples: [[KafkaHeader]] = [
    [],
    [KafkaHeader(name: "", value: nil)],
    [
      KafkaHeader(name: "a", value: nil), KafkaHeader(name: "a", value: []),
      KafkaHeader(name: "a", value: [0, 255, 10]),
    ],
    [
      KafkaHeader(name: "größe\0", value: Array("x".utf8)),
      KafkaHeader(name: "big", value: Array(repeating: 7, count: 70_000)),
    ],
  ]

  @Test(arguments: samples) func roundTrip(_ headers: [KafkaHeader]) {
    #expect(HeaderBytes.decode(HeaderBytes.encode(headers)) == headers)
  }

  /// Whatever is cut off or overwritten: what comes back is a beginning of what was there, or less, and never a crash.
  @Test func damageIsSurvived() {
    let headers = Self.samples[2] + [KafkaHeader(name: "last", value: Array("value".utf8))]
    let bytes = HeaderBytes.encode(headers)
    for length in 0..<bytes.count {
      let decoded = HeaderBytes.decode(Array(bytes.prefix(length)))
      #expect(decoded == Array(headers.prefix(decoded.count)))
      #expect(decoded.count < headers.count)
    }
    for index in bytes.indices {
      for value: UInt8 in [0, 1, 0x7f, 0x80, 0xff] {
        var damaged = bytes
        damaged[index] = value
        #expect(HeaderBytes.decode(damaged).count <= bytes.count / 8)
      }
    }
  }

  @Test func lengthsThatLie() {
    #expect(HeaderBytes.decode([0x7f, 0xff, 0xff, 0xff]) == [])
    #expect(HeaderBytes.decode([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]) == [])
    #expect(HeaderBytes.decode([0, 0, 0, 1, 0x61, 0x7f, 0xff, 0xff, 0xff, 1]) == [])
    // A value of length -2 is none.
    #expect(HeaderBytes.decode([0, 0, 0, 1, 0x61, 0xff, 0xff, 0xff, 0xfe]) == [KafkaHeader(name: "a", value: nil)])
  }
}
