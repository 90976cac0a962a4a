import Kafka
import Safeguards
import Values

/// What a turn does without a record having come.
extension ShardWorker {
  /// What is to be done because of the time, or because another transaction found it out.
  func timedWork(_ catalog: inout DefinitionCatalog) async throws(MediatorError) -> [TurnWork] {
    let now = clock.now()
    if Safeguard.holds(.scansSteady) { next.steady(now, options) }
    // What Kafka does not take fills the memory, whatever it came from.
    guard hasRoom else { return [] }
    var work = try await releases(catalog)
    let (maxTimers, maxInbox) = (pace.limit(options.maxTimers, after: lastRecords), pace.limit(options.maxInbox))
    if catalog.usesInbox, now >= next.inbox {
      let items = try await store.inbox(limit: maxInbox)
      work += items.map { .inbox($0) }
      if items.count < maxInbox { next.inbox = now + options.inboxInterval }
    }
    if now >= next.timers {
      let due = try await store.due(
        at: now,
        within: TimerQuota(limit: maxTimers, maxRunning: options.maxRunning, weights: catalog.weights))
      // A full page means that more are due already.
      if due.timers.count < maxTimers { next.timers = now + options.timerInterval }
      work += due.timers.map { .timer($0) }
      if due.hasCommands {
        let commands = try await store.commands(limit: options.maxCommands)
        if commands.count == options.maxCommands { next.timers = now }
        work += commands.map { .command($0) }
      }
      if schedules == nil {
        schedules = ShardSchedules(shard: takeover.shard, shards: options.shards, rows: try await store.schedules())
      }
      if schedules?.isAhead(of: catalog) == true { catalog = try await catalogs.refreshed() }
      work += schedules?.work(catalog, now: now) ?? []
    }
    if catalog.usesInbox, now >= next.expiry {
      let expired = try await store.expired(at: now, limit: maxTimers)
      let overdue = try await store.overdue(at: now, limit: maxTimers)
      if max(expired.count, overdue.count) < maxTimers { next.expiry = now + options.expiryInterval }
      work += expired.map { .expired($0) } + overdue.map { .overdue($0) }
    }
    return work
  }

  /// Queued calls for which there is room.
  private func releases(_ catalog: DefinitionCatalog) async throws(MediatorError) -> [TurnWork] {
    let limit = pace.limit(options.maxReleases)
    let wanted = load?.releases(callLimits(catalog), weights: catalog.weights, atMost: limit) ?? [:]
    guard !wanted.isEmpty, Safeguard.holds(.queuedCallsReleased) else { return [] }
    return try await store.queuedCalls(wanted).map { .release($0) }
  }

  func callLimits(_ catalog: DefinitionCatalog) -> CallLimits {
    var limits = options.callLimits
    (limits.versions, limits.shards) = (catalog.maxInFlight, options.shards)
    return limits
  }
}
