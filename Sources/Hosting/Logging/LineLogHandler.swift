import Glibc
import Logging
import Values

/// Writes one line per event to standard error.
public struct LineLogHandler: LogHandler {
  public var logLevel: Logger.Level
  public var metadata: Logger.Metadata = [:]
  public var metadataProvider: Logger.MetadataProvider?
  private let label: String
  private let format: LogSettings.Format
  private let redactor: SecretRedactor
  private let write: @Sendable (String) -> Void

  /// - Parameter write: gets a line without its end.
  public init(
    label: String, settings: LogSettings, redactor: SecretRedactor,
    write: @escaping @Sendable (String) -> Void = writeToStandardError
  ) {
    self.label = label
    logLevel = settings.level
    format = settings.format
    self.redactor = redactor
    self.write = write
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    var all = metadata
    if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
    if let own = event.metadata { all.merge(own) { $1 } }
    let line = LogLine(
      time: Timestamp.now(), level: event.level, component: label, message: event.message.description, metadata: all,
      error: event.error.map { String(describing: $0) })
    write(redactor.redact(format == .json ? line.json : line.text))
  }

  /// Makes this the handler of every logger of the process. Only the first call in a process counts.
  public static func bootstrap(_ settings: LogSettings, redactor: SecretRedactor) {
    LoggingSystem.bootstrap { LineLogHandler(label: $0, settings: settings, redactor: redactor) }
  }
}

/// One `write` per line, so that lines of several processes on one pipe do not mix.
@Sendable public func writeToStandardError(_ line: String) {
  var bytes = Array(line.utf8)
  bytes.append(UInt8(ascii: "\n"))
  var rest = bytes[...]
  while !rest.isEmpty {
    let written = rest.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    if written < 0 {
      guard errno == EINTR else { return }
    } else {
      rest = rest.dropFirst(written)
    }
  }
}
