/// What a content type says about the bytes it comes with (RFC 2045, RFC 6839).
enum ContentType {
  case json
  case text
  case cloudEvent
  /// A batch, or another format of CloudEvents.
  case otherCloudEvent
  case other

  /// - Parameter text: `nil` is JSON, as the CloudEvents JSON format has it.
  init(_ text: String?) {
    guard let text, text != "application/json" else {
      self = .json
      return
    }
    var mediaType = text.prefix { $0 != ";" }.lowercased()
    while mediaType.last == " " { mediaType.removeLast() }
    self =
      switch mediaType {
      case "application/cloudevents+json": .cloudEvent
      case _ where mediaType.hasPrefix("application/cloudevents"): .otherCloudEvent
      case "application/json", "text/json": .json
      case _ where mediaType.hasSuffix("+json"): .json
      case _ where mediaType.hasPrefix("text/"): .text
      default: .other
      }
  }
}
