/// Chooses partitions as Java's producer does, and so this project's: keys by their Murmur2 hash, so that a key sent by
/// hand lands where the key's other records are.
enum Partitioner {
  /// - Parameter key: nil gives any partition.
  static func partition(of key: [UInt8]?, among count: Int32) -> Int32 {
    guard let key else { return Int32.random(in: 0..<max(count, 1)) }
    return Int32(murmur2(key) & 0x7fff_ffff) % max(count, 1)
  }

  /// MurmurHash2, 32 bits, with the seed of Kafka's `Utils.murmur2`.
  static func murmur2(_ bytes: [UInt8]) -> UInt32 {
    let multiplier: UInt32 = 0x5bd1_e995
    var hash: UInt32 = 0x9747_b28c ^ UInt32(truncatingIfNeeded: bytes.count)
    let end = bytes.count & ~3
    for start in stride(from: 0, to: end, by: 4) {
      var word = (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << UInt32(8 * $1) } &* multiplier
      word = (word ^ word >> 24) &* multiplier
      hash = hash &* multiplier ^ word
    }
    if end < bytes.count {
      for index in end..<bytes.count { hash ^= UInt32(bytes[index]) << UInt32(8 * (index - end)) }
      hash = hash &* multiplier
    }
    hash = (hash ^ hash >> 13) &* multiplier
    return hash ^ hash >> 15
  }
}
