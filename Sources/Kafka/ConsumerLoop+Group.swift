import CRDKafka

/// The group: rebalances, commits and leaving.
extension ConsumerLoop {
  /// A rebalance that librdkafka waits with until it is answered.
  struct Rebalance {
    enum Kind {
      case assign
      case revoke
    }

    let id: Int
    let kind: Kind
    let partitions: [TopicPartition]
    /// Owns the list of partitions that the answer repeats.
    let event: OpaquePointer
    let deadline: ContinuousClock.Instant
    var isHandled: Bool
  }

  struct Commit {
    let deadline: ContinuousClock.Instant
    let reply: Reply
  }

  struct Closing {
    let deadline: ContinuousClock.Instant
    /// Where librdkafka's events arrive while the group is left; nil when there is none to leave.
    let queue: OpaquePointer?
    var completions: [@Sendable () -> Void]
  }

  func subscribe(_ topics: [String]) throws(KafkaError) {
    let list = TopicPartitionList(topics.map { TopicPartition(topic: $0, partition: RD_KAFKA_PARTITION_UA) })
    let status = list.use { rd_kafka_subscribe(handle.raw, $0) }
    if status != RD_KAFKA_RESP_ERR_NO_ERROR { throw KafkaError(status) }
  }

  // MARK: - Rebalances

  var isRevoking: Bool { rebalances.contains { $0.kind == .revoke } }

  /// Takes the event over.
  func beginRebalance(_ event: OpaquePointer) {
    let code = rd_kafka_event_error(event)
    guard let list = rd_kafka_event_topic_partition_list(event),
      code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS || code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS
    else {
      // librdkafka asks for this after an error, to know that nothing is read (rdkafka.h, rebalance_cb).
      rd_kafka_assign(handle.raw, nil)
      report(handle.error(of: event))
      return rd_kafka_event_destroy(event)
    }
    let partitions = TopicPartitionList.elements(of: list).map(\.topicPartition)
    let kind: Rebalance.Kind = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? .assign : .revoke
    if kind == .assign {
      handle.log.succeeded()
      unassignedSince = nil
    }
    let isSilent = kind == .revoke && partitions.isEmpty
    let id = nextRebalance
    nextRebalance += 1
    rebalances.append(
      Rebalance(
        id: id, kind: kind, partitions: partitions, event: event, deadline: .now + options.rebalanceLimit,
        isHandled: isSilent))
    if isSilent { return }
    let change: KafkaRebalance =
      switch kind {
      case .assign: .assigned(partitions)
      case .revoke: rd_kafka_assignment_lost(handle.raw) != 0 ? .lost(partitions) : .revoking(partitions)
      }
    guard let handler = membership?.onRebalance else { return rebalanceHandled(id) }
    Task { [mailbox] in
      await handler(change)
      _ = mailbox.post(.rebalanceHandled(id))
    }
  }

  func rebalanceHandled(_ id: Int) {
    guard let index = rebalances.firstIndex(where: { $0.id == id }) else { return }
    rebalances[index].isHandled = true
  }

  /// Answers the rebalances whose handler has returned or had its time.
  func advanceRebalance() {
    while let rebalance = rebalances.first, rebalance.isHandled || rebalance.deadline <= .now {
      rebalances.removeFirst()
      answer(rebalance)
      rd_kafka_event_destroy(rebalance.event)
    }
  }

  /// librdkafka cannot end while one has no answer.
  func abandonRebalances() {
    if rebalances.isEmpty { return }
    rd_kafka_assign(handle.raw, nil)
    for rebalance in rebalances { rd_kafka_event_destroy(rebalance.event) }
    rebalances.removeAll()
  }

  private func answer(_ rebalance: Rebalance) {
    _ = resume(Array(paused))
    reader.unassignAll()
    let status: rd_kafka_resp_err_t
    switch rebalance.kind {
    case .assign:
      assigned = Set(rebalance.partitions)
      for partition in rebalance.partitions { leadToRecords(partition) }
      status = rd_kafka_assign(handle.raw, rd_kafka_event_topic_partition_list(rebalance.event))
    case .revoke:
      assigned.removeAll()
      unassignedSince = .now
      status = rd_kafka_assign(handle.raw, nil)
    }
    if status != RD_KAFKA_RESP_ERR_NO_ERROR { report(handle.fatalError ?? KafkaError(status)) }
  }

  /// A member that hears nothing of its group would read nothing for ever, and nobody would know.
  func checkMembership() {
    guard let since = unassignedSince, closing == nil, fatal == nil else { return }
    // Without a broker nobody can answer; the time begins when one is back.
    if !reachability.isReachable { return unassignedSince = .now }
    guard since.duration(to: .now) >= options.joinLimit, let group = membership?.group else { return }
    fatal = KafkaError(
      code: .fatal, name: "JOIN_TIMED_OUT", isFatal: true,
      message: "the group '\(group)' has given no assignment for \(options.joinLimit); joining it again")
  }

  // MARK: - Commits

  func commit(_ positions: [TopicPartition: Int64], _ reply: @escaping Reply) {
    let id = nextCommit
    nextCommit += 1
    let status = TopicPartitionList(positions: positions).use {
      rd_kafka_commit_queue(handle.raw, $0, handle.queue, nil, UnsafeMutableRawPointer(bitPattern: id))
    }
    if status != RD_KAFKA_RESP_ERR_NO_ERROR { return reply(handle.fatalError ?? KafkaError(status)) }
    commits[id] = Commit(deadline: .now + options.requestLimit, reply: reply)
  }

  func finishCommit(_ event: OpaquePointer) {
    guard let commit = commits.removeValue(forKey: Int(bitPattern: rd_kafka_event_opaque(event))) else { return }
    let status = rd_kafka_event_error(event)
    let partition = rd_kafka_event_topic_partition_list(event).flatMap { TopicPartitionList.firstError(of: $0) }
    if status == RD_KAFKA_RESP_ERR_NO_ERROR && partition == nil { handle.log.succeeded() }
    commit.reply(status == RD_KAFKA_RESP_ERR_NO_ERROR ? partition : KafkaError(status))
  }

  func expireCommits() {
    if commits.isEmpty { return }
    let now = ContinuousClock.now
    for (id, commit) in commits where commit.deadline <= now {
      commits[id] = nil
      commit.reply(handle.explained(.timedOut("the commit")))
    }
  }

  // MARK: - Leaving

  func beginClose(within limit: Duration, _ completion: @escaping @Sendable () -> Void) {
    if closing != nil {
      closing?.completions.append(completion)
      return
    }
    closing = Closing(deadline: .now + limit, queue: leaveGroup(), completions: [completion])
  }

  /// Leaving is a rebalance like any other; librdkafka leads its events through a queue of the caller's.
  private func leaveGroup() -> OpaquePointer? {
    guard membership != nil, let queue = rd_kafka_queue_new(handle.raw) else { return nil }
    handle.wakeUp.attach(to: queue)
    guard let error = rd_kafka_consumer_close_queue(handle.raw, queue) else { return queue }
    rd_kafka_error_destroy(error)
    rd_kafka_queue_destroy(queue)
    return nil
  }
}
