import Values

/// When a shard does next what it does every so often.
struct NextLooks {
  var timers: Timestamp
  var inbox: Timestamp
  var expiry: Timestamp
  var renewal: Timestamp
  var report: Timestamp

  init(_ now: Timestamp, _ options: ShardOptions) {
    (timers, inbox, expiry, report) = (now, now, now, now)
    renewal = now + options.lease / 3
  }

  /// A clock that was set back must not put it off: the lease would run out.
  mutating func steady(_ now: Timestamp, _ options: ShardOptions) {
    inbox = min(inbox, now + options.inboxInterval)
    timers = min(timers, now + options.timerInterval)
    expiry = min(expiry, now + options.expiryInterval)
    renewal = min(renewal, now + options.lease / 3)
  }
}
