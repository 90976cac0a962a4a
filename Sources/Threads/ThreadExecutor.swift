import Glibc
import Synchronization

/// A serial executor that owns one named operating-system thread.
///
/// C client libraries block; the cooperative pool must not. An actor that owns a C handle names one of these as its
/// `unownedExecutor` and may then block inside its methods: only its own thread waits.
public final class ThreadExecutor: SerialExecutor {
  private let queue: JobQueue

  /// - Parameter name: shown by `top -H`; the kernel keeps its first 15 bytes.
  public init(name: String) {
    queue = JobQueue()
    let queue = queue
    startThread(named: name) { queue.run() }
  }

  deinit { queue.stop() }

  public func enqueue(_ job: consuming ExecutorJob) {
    queue.append(UnownedJob(job), on: asUnownedSerialExecutor())
  }

  /// Lets the thread end once the jobs already queued have run. Jobs queued later are run by the thread that queues
  /// them, so that no task is ever left suspended.
  public func shutdown() { queue.stop() }
}

/// Starts a detached, named thread.
public func startThread(named name: String, _ body: @escaping @Sendable () -> Void) {
  final class Start: Sendable {
    let name: String
    let body: @Sendable () -> Void
    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }
  var attributes = pthread_attr_t()
  pthread_attr_init(&attributes)
  pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
  defer { pthread_attr_destroy(&attributes) }
  var thread = pthread_t()
  let start = Unmanaged.passRetained(Start(name: name, body: body))
  let status = pthread_create(
    &thread, &attributes,
    { argument in
      guard let argument else { return nil }
      let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
      nameCurrentThread(start.name)
      start.body()
      return nil
    }, start.toOpaque())
  // Without threads nothing in this process can work: the one case where stopping at once is the honest answer.
  precondition(status == 0, "cannot start a thread: \(String(cString: strerror(status)))")
}

/// `pthread_setname_np` hides behind `_GNU_SOURCE`, so the name goes where that call would put it (proc(5)).
private func nameCurrentThread(_ name: String) {
  let file = open("/proc/thread-self/comm", O_WRONLY)
  guard file >= 0 else { return }
  defer { close(file) }
  let bytes = Array(name.utf8.prefix(15))
  _ = write(file, bytes, bytes.count)
}

/// The jobs of one executor, guarded by a mutex and a condition.
///
/// `@unchecked Sendable` is safe because every access to the stored properties happens while `mutex` is held.
private final class JobQueue: @unchecked Sendable {
  private var jobs: [(UnownedJob, UnownedSerialExecutor)] = []
  private var stopped = false
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  func append(_ job: UnownedJob, on executor: UnownedSerialExecutor) {
    pthread_mutex_lock(mutex)
    let ended = stopped
    if !ended {
      jobs.append((job, executor))
      pthread_cond_signal(condition)
    }
    pthread_mutex_unlock(mutex)
    if ended { job.runSynchronously(on: executor) }
  }

  func stop() {
    pthread_mutex_lock(mutex)
    stopped = true
    pthread_cond_signal(condition)
    pthread_mutex_unlock(mutex)
  }

  func run() {
    while let batch = next() {
      for (job, executor) in batch { job.runSynchronously(on: executor) }
    }
  }

  private func next() -> [(UnownedJob, UnownedSerialExecutor)]? {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while jobs.isEmpty && !stopped { pthread_cond_wait(condition, mutex) }
    if jobs.isEmpty { return nil }
    defer { jobs.removeAll(keepingCapacity: true) }
    return jobs
  }
}
