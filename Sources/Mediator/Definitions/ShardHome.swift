/// The shard that alone may decide about something that no partition binds to a shard: a workflow's schedule, an order
/// key, a collection of events.
enum ShardHome {
  /// FNV-1a (64 bits): the same in every process and version.
  static func of(_ text: String, shards: Int32) -> Int32 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return Int32(hash % UInt64(max(shards, 1)))
  }
}
