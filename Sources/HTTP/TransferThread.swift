import CCurl
import Glibc
import Synchronization
import Threads

/// The one thread that owns a libcurl multi handle and everything in it.
///
/// Other threads leave requests and cancellations in a mailbox and wake it. `@unchecked Sendable` is safe because the
/// multi handle is used by others only for `curl_multi_wakeup` (the one call libcurl allows from any thread), under the
/// mailbox's lock and only while the mailbox is open, and `transfers` only by the thread itself.
final class TransferThread: @unchecked Sendable {
  private struct Mailbox {
    var open = true
    var submissions: [Submission] = []
    var cancellations: [UInt64] = []
  }

  private let multi: UnsafeMutableRawPointer
  private let configuration: HTTPClient.Configuration
  private let mailbox = Mutex(Mailbox())
  private let nextID = Atomic<UInt64>(1)
  private var transfers: [UInt64: Transfer] = [:]

  init(_ configuration: HTTPClient.Configuration) throws(HTTPError) {
    guard libcurlStarted, let multi = curl_multi_init() else { throw HTTPError(.other, "libcurl cannot start") }
    self.multi = multi
    self.configuration = configuration
    // Connections kept for later. There is no limit on those in use: transfers that libcurl 7.88 lets wait for one do
    // not time out.
    _ = ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, 64)
    startThread(named: "http-client") { self.run() }
  }

  /// The thread ends, and with it the transfers, with `closed`.
  func stop() {
    mailbox.withLock { mailbox in
      guard mailbox.open else { return }
      mailbox.open = false
      curl_multi_wakeup(multi)
    }
  }

  func send(_ request: HTTPRequest) async throws(HTTPError) -> HTTPResponse {
    let plan = try TransferPlan(request)
    let cancellation = Cancellation(id: nextID.wrappingAdd(1, ordering: .relaxed).oldValue)
    let result: Result<HTTPResponse, HTTPError> = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        submit(Submission(plan: plan, cancellation: cancellation, continuation: continuation))
      }
    } onCancel: {
      cancellation.requested.store(true, ordering: .sequentiallyConsistent)
      post { $0.cancellations.append(cancellation.id) }
    }
    return try result.get()
  }

  private func submit(_ submission: Submission) {
    let accepted = post { $0.submissions.append(submission) }
    if !accepted { submission.continuation.resume(returning: .failure(closedError)) }
  }

  /// - Returns: false if the thread has ended or will, and nothing was left.
  @discardableResult
  private func post(_ change: (inout Mailbox) -> Void) -> Bool {
    mailbox.withLock { mailbox in
      guard mailbox.open else { return false }
      change(&mailbox)
      curl_multi_wakeup(multi)
      return true
    }
  }

  // MARK: - On the thread

  private func run() {
    blockBrokenPipeSignal()
    var open = true
    while open {
      let mail = mailbox.withLock { mailbox in
        let mail = mailbox
        mailbox.submissions.removeAll()
        mailbox.cancellations.removeAll()
        return mail
      }
      for submission in mail.submissions { start(submission) }
      for id in mail.cancellations { abort(id, .cancelled, "the task was cancelled") }
      open = mail.open
      if open { turn() }
    }
    for id in Array(transfers.keys) { abort(id, closedError.code, closedError.message) }
    curl_multi_cleanup(multi)
  }

  private func turn() {
    var running: Int32 = 0
    curl_multi_perform(multi, &running)
    if finishTransfers() == 0 { curl_multi_poll(multi, nil, 0, 60_000, nil) }
  }

  private func start(_ submission: Submission) {
    let id = submission.cancellation.id
    // Set before the cancellation was posted, which can be earlier than the submission.
    guard !submission.cancellation.requested.load(ordering: .sequentiallyConsistent) else {
      return submission.continuation.resume(returning: .failure(HTTPError(.cancelled, "the task was cancelled")))
    }
    guard let transfer = Transfer(submission, configuration) else {
      return submission.continuation.resume(returning: .failure(HTTPError(.other, "out of memory")))
    }
    transfers[id] = transfer
    let status = curl_multi_add_handle(multi, transfer.easy)
    if status != CURLM_OK { abort(id, .other, String(cString: curl_multi_strerror(status))) }
  }

  /// - Returns: how many have finished.
  private func finishTransfers() -> Int {
    var finished = 0
    var left: Int32 = 0
    while let message = curl_multi_info_read(multi, &left) {
      guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
      let result = ccurl_message_result(message)
      // The message is gone once the handle is removed.
      guard let transfer = transfers.removeValue(forKey: Transfer.id(of: easy)) else { continue }
      curl_multi_remove_handle(multi, easy)
      transfer.finish(result)
      finished += 1
    }
    return finished
  }

  private func abort(_ id: UInt64, _ code: HTTPError.Code, _ message: String) {
    guard let transfer = transfers.removeValue(forKey: id) else { return }
    curl_multi_remove_handle(multi, transfer.easy)
    transfer.fail(code, message)
  }
}

/// A request on its way to the thread, and the task that waits for its result.
struct Submission: Sendable {
  let plan: TransferPlan
  let cancellation: Cancellation
  let continuation: CheckedContinuation<Result<HTTPResponse, HTTPError>, Never>
}

final class Cancellation: Sendable {
  let id: UInt64
  let requested = Atomic<Bool>(false)

  init(id: UInt64) { self.id = id }
}

private let closedError = HTTPError(.closed, "the HTTP client is closed")

/// libcurl's own initialisation, once per process.
private let libcurlStarted = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

/// A write to a closed connection raises SIGPIPE in the thread that writes; blocked, the write just fails.
private func blockBrokenPipeSignal() {
  var signals = sigset_t()
  sigemptyset(&signals)
  sigaddset(&signals, SIGPIPE)
  pthread_sigmask(SIG_BLOCK, &signals, nil)
}
