/// The flow of a definition as nodes, edges, and groups for the scopes inside each other.
///
/// Plain values in the order of the file: what draws them needs to know nothing about workflows. Ids count from 0 and
/// are places in ``nodes`` and ``groups``; group 0 is the whole workflow.
public struct FlowGraph: Sendable, Hashable {
  public struct Node: Sendable, Hashable {
    public enum Shape: String, Sendable, Hashable {
      case start, end, faulted
      case task
      /// Waits for something: time, an event.
      case pause
      /// An `if`.
      case condition
      case `switch`
      /// Where branches begin, and where they meet again.
      case fork, join
      /// What decides whether a scope runs once more.
      case loop
      /// A `catch`.
      case handler
      case raise
    }

    public let id: Int
    public let shape: Shape
    public let title: String
    /// What it does, in a few short lines.
    public let details: [String]
    /// The cases of a switch, from which edges start.
    public var rows: [String] = []
    public let group: Int
    /// The task reference; nil for what is no task.
    public let reference: String?
  }

  public struct Edge: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable {
      case flow
      /// Back to what decides about one more pass.
      case loop
      /// From anything in the group ``Edge/fromGroup`` that fails to the `catch`.
      case error
      /// From the `catch` to another attempt.
      case retry
    }

    public let from: Int
    public let to: Int
    public let kind: Kind
    public let label: String?
    /// The row of ``from`` at which it starts.
    public var row: Int?
    /// Where it starts from a whole group; ``from`` is then the last node in there.
    public var fromGroup: Int?
  }

  public struct Group: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable {
      case workflow
      case scope, loop, fork, attempt, `try`, function, `extension`
      /// Columns that only stand beside each other.
      case row
      /// A column of a row, without a frame.
      case column
    }

    public enum Member: Sendable, Hashable {
      case node(Int)
      case group(Int)
    }

    public let id: Int
    public let kind: Kind
    public let title: String
    public let parent: Int?
    public internal(set) var members: [Member] = []

    /// Whether it is drawn, and not only there for the order of things.
    public var isFramed: Bool {
      switch kind {
      case .workflow, .row, .column: false
      case .scope, .loop, .fork, .attempt, .try, .function, .extension: true
      }
    }
  }

  /// `namespace/name version`
  public let title: String
  /// `document.title`.
  public let subtitle: String?
  public internal(set) var nodes: [Node] = []
  public internal(set) var edges: [Edge] = []
  public internal(set) var groups: [Group] = []

  /// The nodes inside a group, at any depth, in their order.
  public func nodes(in group: Int) -> [Int] {
    groups[group].members.flatMap { member in
      switch member {
      case .node(let id): [id]
      case .group(let id): nodes(in: id)
      }
    }
  }
}
