import Engine
import Values
import Workflow

/// The definitions that a local run may start, as if they were deployed.
public struct LocalCatalog: Sendable {
  private var versions: [String: WorkflowDefinition] = [:]
  private var latest: [String: WorkflowDefinition] = [:]

  public init(_ definitions: [WorkflowDefinition] = []) {
    for definition in definitions {
      let document = definition.document
      let name = "\(document.namespace)/\(document.name)"
      versions["\(name) \(document.version)"] = definition
      if let known = latest[name], known.document.version > document.version { continue }
      latest[name] = definition
    }
  }

  /// - Parameters:
  ///   - workflow: `namespace/name`.
  ///   - version: a semantic version, or `latest`.
  func definition(_ workflow: String, version: String) -> WorkflowDefinition? {
    version == "latest" ? latest[workflow] : versions["\(workflow) \(version)"]
  }
}
