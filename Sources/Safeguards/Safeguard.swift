/// What keeps effectively-once true, one by one.
///
/// The simulation takes each of them away and has to notice (`PlantedBugTests`): a proof that cannot fail is none. The
/// production code asks ``holds(_:)`` at the guarded line. In a release build the answer is the constant `true`, which
/// the optimizer folds away; only in a debug build, and only inside of ``$removed``'s scope, it can be false.
///
/// Those under "In SQL" stand in statements and constraints of Postgres. Their simulated counterpart asks.
public enum Safeguard: String, Sendable, CaseIterable {
  // MARK: Publishing (Outbox, ShardWorker)

  /// The publish mark covers only a contiguous prefix.
  case markContiguous
  /// The publish mark covers only what the broker has acknowledged.
  case markAcknowledged
  /// A new owner publishes again what lies above the mark.
  case republishAtTakeover
  /// After a failure to publish nothing overtakes what failed.
  case failureStopsPublishing
  /// What the broker refused stays open until the engine has been told.
  case refusalHeldOpen

  // MARK: The turn (ShardWorker, TurnPlan, ShardSchedules)

  /// An event that has started its instance starts no other one.
  case startRecognised
  /// Events start no version that is retired.
  case retiredLeft
  /// The cache learns of an instance when it is committed, not before.
  case cacheAfterCommit
  /// Data that the store refuses is set aside and does not hold up the partition.
  case poisonSetAside
  /// A position lies right behind the last record that was handled.
  case positionBehindRecord
  /// A reply for another shard's instance is forwarded.
  case replyForwarded
  /// A record that cannot be handled becomes a dead letter.
  case letterKept
  /// A clock that is set back does not put off what is done every so often.
  case scansSteady
  /// What an instance waits for is written with each step that changes it.
  case waitsWritten
  /// The next instance of an order key may run when the one before has ended.
  case orderKeyReleased
  /// An instance waits for those before it with the same order key.
  case orderKeyHeld
  /// A parent is told how its child ended.
  case childEndTold
  /// What a parent gives up is cancelled.
  case childCancelled
  /// A schedule that has fired moves on to its next instant.
  case scheduleMovesOn
  /// Only the home shard of a schedule fires it.
  case scheduleAtHome
  /// A call waits while its channel has as many under way as it may.
  case callsAdmitted
  /// A new owner counts on from what the one before has written.
  case loadAtTakeover
  /// What is queued goes out when there is room.
  case queuedCallsReleased
  /// A command whose request is in the audit table is not done again.
  case requestRecognised
  /// What became of a command is a row of the audit table.
  case commandAudited
  /// An instance that goes on in another version is of that version from the same transaction on.
  case versionWithState

  // MARK: The engine

  /// A reply counts only for the attempt that is open.
  case replyOfAttempt
  /// A reply counts only for the task execution it names.
  case replyOfActivity
  /// Each attempt has an id of its own.
  case attemptNumbered
  /// A call that nobody answers has a deadline.
  case callTimed

  /// What a suspended instance is told moves nothing on.
  case suspensionHeld
  /// No time passes for a suspended instance.
  case suspensionTimeless
  /// A migration that is not safe is refused.
  case migrationRefused

  // MARK: The processor runtime

  /// Nothing is acted on past its deadline.
  case deadlineHonoured
  /// A repeated event is answered again, with the stored reply.
  case repeatAnswered
  /// A reply that could not be sent is sent again.
  case replySentAgain
  /// A clock that is set back does not put off what a member does every so often.
  case paceSteady
  /// Only a final outcome is remembered.
  case onlyFinalRemembered
  /// An offset is committed when all that came of its record is acknowledged.
  case offsetAfterReply
  /// Offsets are committed over a contiguous prefix.
  case offsetContiguous

  // MARK: In SQL, the mediator's

  /// `fence()`: a commit needs the epoch that holds.
  case epochChecked
  /// `LeaseStore.takeOver`: taking a shard raises its epoch.
  case epochRaised
  /// `fence()`: events are planned with the newest definition.
  case newestDefinitionChecked
  /// One transaction for instances and positions.
  case positionsInTransaction
  /// A command leaves its queue in the transaction in which it is done.
  case commandsInTransaction
  /// Primary key of `instances`.
  case instanceUnique
  /// `due` asks for every open instance of the shard, whoever wrote its timer.
  case timersAtTakeover
  /// Journal rows hold the ids of what is published: again means the same.
  case idsJournalled
  /// The advisory lock per event type: offers and waits take turns.
  case eventsTakeTurns
  /// A new wait is offered the events that are kept.
  case keptEventsOffered
  /// An item that is handled leaves the inbox in the same transaction.
  case itemHandledOnce

  // MARK: In SQL, the processors'

  /// The inbox is asked before anything is done, and its primary key refuses a second row.
  case inbox
  /// The inbox is asked before anything is done.
  case inboxAsked
  /// Primary key of `processor_inbox`: of two members that act on one event, one fails.
  case inboxUnique
  /// The inbox row is part of the effect's transaction.
  case inboxInTransaction
}

extension Safeguard {
  #if DEBUG
    /// The one that is taken away, for the task that says so and all that it starts.
    @TaskLocal public static var removed: Safeguard?

    public static func holds(_ safeguard: Safeguard) -> Bool { removed != safeguard }
  #else
    @inlinable
    public static func holds(_: Safeguard) -> Bool { true }
  #endif
}
