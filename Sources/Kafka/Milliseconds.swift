/// The time left, for librdkafka's timeouts; at least one millisecond, because zero means "do not wait".
func milliseconds(until deadline: ContinuousClock.Instant) -> Int32 {
  max(1, milliseconds(ContinuousClock.now.duration(to: deadline)))
}

/// Rounded up, so that nobody waits for a deadline in a loop of zeros; 0 for what is over.
func milliseconds(_ duration: Duration) -> Int32 {
  let (seconds, attoseconds) = duration.components
  if duration <= .zero { return 0 }
  if seconds > 1_000_000 { return 1_000_000_000 }
  return Int32(seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
}
