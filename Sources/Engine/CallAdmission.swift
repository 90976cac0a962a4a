import Values

/// Which calls may go out at the moment, as whoever drives the engine counts them. The others are queued in their
/// instance's state, and go out by ``Engine/release(_:state:now:)``; their tasks' timeouts run meanwhile.
public struct CallAdmission: Sendable, Hashable {
  /// Channels that take no more calls of this workflow.
  public var fullChannels: Set<String>
  /// No channel takes any: the workflow itself has as many calls under way as it may.
  public var isFull: Bool

  public static let everything = CallAdmission()

  public init(fullChannels: Set<String> = [], isFull: Bool = false) {
    self.fullChannels = fullChannels
    self.isFull = isFull
  }

  func admits(_ channel: String) -> Bool {
    !isFull && (fullChannels.isEmpty || !fullChannels.contains(channel))
  }
}

extension InstanceState {
  /// A call that is out or queued.
  public struct OpenCall: Sendable, Hashable {
    public let activity: Int
    public let channel: String
    public let isQueued: Bool

    public init(activity: Int, channel: String, isQueued: Bool) {
      self.activity = activity
      self.channel = channel
      self.isQueued = isQueued
    }
  }

  /// The calls that count on their channels: those that are out and have no result, and those that are queued. While an
  /// instance is suspended, none of its calls is queued: nothing of it may start.
  public var openCalls: [OpenCall] {
    var calls: [OpenCall] = []
    for activity in activities {
      switch activity.phase {
      case .requested(let call) where !call.isAnswered:
        calls.append(OpenCall(activity: activity.id, channel: call.channel, isQueued: false))
      case .queued(let call) where status != .suspended:
        calls.append(OpenCall(activity: activity.id, channel: call.channel, isQueued: true))
      default: continue
      }
    }
    return calls
  }
}
