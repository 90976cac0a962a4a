import Values

/// The id of the instance that an event starts: the same event gives the same id, wherever and however often it
/// arrives, so that a primary key is all that is needed to start it once.
public enum InstanceID {
  /// - Parameters:
  ///   - workflow: `namespace/name`; the version is left out, so that a new version does not start old events again.
  ///   - source: the event's `source`; with `id` it identifies an event (CloudEvents 1.0, "id").
  public static func make(workflow: String, source: String, id: String) -> UUIDValue {
    // Lengths keep ("a", "bc") apart from ("ab", "c").
    let text = "\(workflow.utf8.count):\(workflow)\(source.utf8.count):\(source)\(id)"
    return UUIDValue(digestOf: text)
  }
}
