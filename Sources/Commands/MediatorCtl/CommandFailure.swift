import Hosting
import Kafka
import Mediator
import Postgres
import Toolchain
import Wire

/// How the program ends.
enum ExitStatus: Int32, Sendable {
  case failure = 1
  /// What was given is not valid: a definition, a document.
  case invalid = 3
  /// What was named does not exist.
  case notFound = 4
  /// What was waited for did not happen in time.
  case timeout = 7
  /// Ended by SIGINT, after what was under way (128 and the signal's number).
  case interrupted = 130
}

/// Why a command ends without having done what it was asked: what, why, and what to do next.
struct CommandFailure: Error, Sendable, Hashable {
  var status: ExitStatus
  var what: String
  var why: String?
  var next: String?

  init(_ what: String, why: String? = nil, next: String? = nil, status: ExitStatus = .failure) {
    self.what = what
    self.why = why
    self.next = next
    self.status = status
  }

  /// As it is told on standard error.
  var text: String {
    var text = "error: \(what)"
    if let why { text += "\n  \(indented(why))" }
    if let next { text += "\n  hint: \(indented(next))" }
    return text
  }

  private func indented(_ text: String) -> String {
    text.split(separator: "\n").map { TextWidth.plain(String($0)) }.joined(separator: "\n  ")
  }
}

extension CommandFailure {
  /// Nil for errors of the argument parser, which tells them itself.
  init?(_ error: any Error) {
    switch error {
    case let failure as CommandFailure: self = failure
    case let error as HostingError:
      let isMissing = error.problems.contains { $0.code == .missing }
      self.init(
        "the configuration has mistakes", why: error.message,
        next: isMissing ? "an option sets it as well: see --help" : nil)
    case let error as PostgresError: self.init(database: error)
    case let error as MediatorError: self.init(mediator: error)
    case let error as KafkaError: self.init(kafka: error)
    case let error as WireError: self.init("this cannot be sent", why: error.message, status: .invalid)
    default: return nil
    }
  }

  init(database error: PostgresError) {
    switch error.code {
    case .configuration:
      self.init(
        "the database is not named rightly", why: error.message,
        next: "give it as --database, DATABASE_URL or database.url: postgres://user:password@host:port/database")
    case .migration:
      self.init(
        "the database and this program do not fit together", why: error.message,
        next: "use the mediatorctl of the version that the mediators run")
    default:
      self.init(
        "Postgres did not do what was asked", why: "\(error)", next: "check --database or DATABASE_URL, and the server")
    }
  }

  private init(mediator error: MediatorError) {
    switch error.code {
    case .configuration:
      self.init(
        error.message, why: "no mediator has run on it, and nothing was deployed to it",
        next: "start a mediator, run 'mediatorctl deploy', or name another database with --database")
    case .outdated:
      self.init(
        "the database and this program do not fit together", why: error.message,
        next: "a mediator of this version brings them up to date when it starts, and so does 'mediatorctl deploy'")
    case .definition: self.init("a definition was refused", why: error.message, status: .invalid)
    case .source, .publish: self.init("Kafka did not do what was asked", why: error.message)
    default:
      self.init(
        "Postgres did not do what was asked", why: error.message,
        next: "check --database or DATABASE_URL, and the server")
    }
  }

  init(kafka error: KafkaError) {
    switch error.code {
    case .messageTooLarge:
      self.init("the broker refuses an event of this size", why: "\(error)", status: .invalid)
    case .configuration: self.init("Kafka's configuration has mistakes", why: "\(error)")
    default:
      self.init(
        "Kafka did not do what was asked", why: "\(error)",
        next: "check --bootstrap-servers or KAFKA_BOOTSTRAP_SERVERS, and the brokers")
    }
  }
}
