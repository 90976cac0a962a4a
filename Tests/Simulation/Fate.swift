import Engine
import Values

/// What is to become of an event, written into its data for whoever has to bring it about.
enum Fate: String, CaseIterable {
  case completes
  /// The database refuses the event's data: a dead letter, and no instance.
  case unstorable
  /// The broker refuses the second processing event: the task faults.
  case refused
  /// The database refuses what the second processor answers: a dead letter, and in time a timeout.
  case unstorableReply
  /// The second processor acts and never answers: a timeout.
  case silent
  /// The second processor gives up.
  case fails

  static let refusingChannel = "alerts"

  /// Poison that begins so cannot be written to the dead-letter topic.
  static let refusedLetter: UInt8 = 0xff

  /// How the instance of the workflow with three calls ends; nil when there is none.
  var ending: (status: InstanceStatus, error: Int?)? {
    switch self {
    case .completes: (.completed, nil)
    case .unstorable: nil
    case .refused: (.faulted, 500)
    case .unstorableReply, .silent: (.faulted, 408)
    case .fails: (.faulted, 422)
    }
  }

  static func random(_ random: inout SeededGenerator) -> Fate {
    random.chance(0.75) ? .completes : allCases[random.below(allCases.count)]
  }
}
