/// What can go wrong in the simulation. Each kind is counted where it happens, and a test asserts that each did.
enum FaultKind: String, CaseIterable, Sendable {
  // MARK: Processes and their store

  /// The mediator's process ends right before a transaction is sent.
  case crashBeforeWrite
  /// … right after the transaction was committed, and before it knows.
  case crashAfterWrite
  /// … between a read and what comes of it.
  case crashElsewhere
  /// The connection is lost during a commit that did not take place.
  case commitLost
  /// … that did take place.
  case commitUnknown
  /// … that takes place later, when the shard may have another owner.
  case commitLate
  /// The connection is lost during a read.
  case connectionLost
  /// A transaction takes seconds, and the time goes on for everybody.
  case slowDisk
  /// A turn stops between two of its calls while others go on.
  case pause
  /// Another owner takes the shard, and the former one goes on without knowing.
  case zombieOwner
  /// Leases run out one after another: shards change hands several times in a row.
  case leaseStorm

  // MARK: Kafka

  /// A record is written several times.
  case duplicate
  /// Partitions are read in an order in which they were not written.
  case reordering
  /// A partition gives nothing for a while.
  case delay
  /// What one producer sent to several partitions is acknowledged out of order.
  case acknowledgedOutOfOrder
  /// A producer loses its identity: of what it had sent, only a beginning arrived.
  case lostTail
  /// A producer's process ends: the same, and nobody is told.
  case producerCrash
  /// The broker refuses a record for good.
  case refusedRecord
  /// A reply comes to the partition of another shard.
  case misdirectedReply
  /// A reply to something that nobody asked.
  case forgedReply
  /// A reply that never comes.
  case silentProcessor

  // MARK: Time

  /// The clock goes forward in one leap.
  case clockForward
  /// The clock is set back.
  case clockBack

  // MARK: What comes in

  /// A record that cannot be read, or whose data the store refuses.
  case poison
  /// Definitions are deployed while instances run.
  case definitionChange

  // MARK: Operators

  /// An operator asks for something at a moment of his own.
  case operatorVerb
  /// He hands a command in again.
  case repeatedCommand

  // MARK: Processors

  /// A processor's process ends.
  case processorCrash
  /// A processor's transaction fails, or its outcome is unknown.
  case processorStore
  /// An attempt fails for a passing reason.
  case passingFailure
  /// A partition moves to another member of the group.
  case rebalance
  /// … and the former one learns of it only later.
  case zombieMember
  /// A commit of offsets fails.
  case offsetsLost
  /// Records are given out that were given out before.
  case redelivery
}
