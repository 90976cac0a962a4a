import CJQ
import Synchronization
import Values

/// A program compiled by libjq. Compiling takes some 15 ms, evaluating some microseconds.
final class JQMachine: Sendable {
  private let core: Mutex<Core>

  /// - Parameter program: printed by ``JQPrinter``.
  init(_ program: String) throws(ExpressionError) {
    _ = Self.limitRegularExpressions
    guard let core = Core(program) else {
      throw ExpressionError(code: .evaluation, message: "no memory for the expression")
    }
    if let message = core.compile(program) { throw ExpressionError(code: .syntax, message: message) }
    self.core = Mutex(core)
  }

  /// - Parameter inputs: the data, then the value of each variable.
  func evaluate(_ inputs: [JSON]) throws(ExpressionError) -> JSON {
    try core.withLock { core throws(ExpressionError) in try core.evaluate(inputs) }
  }

  /// A regular expression that backtracks without end fails instead. The limits are libonig's own and process-wide.
  private static let limitRegularExpressions: Void = {
    _ = onig_set_retry_limit_in_match(100_000)
    _ = onig_set_retry_limit_in_search(1_000_000)
  }()
}

/// One `jq_state` and what its callbacks write to.
///
/// `@unchecked Sendable` is safe because a core is reached only through its machine's mutex.
private final class Core: @unchecked Sendable {
  private var state: OpaquePointer?
  private let report: UnsafeMutablePointer<Report>

  /// What libjq tells while it runs.
  private struct Report {
    var messages: [String] = []
    var budget = JQBudget()
    var state: OpaquePointer

    mutating func pass(_ value: jv) {
      budget.pass(value)
      if budget.exceeded != nil && jq_halted(state) == 0 { jq_halt(state, jv_invalid(), jv_invalid()) }
    }
  }

  init?(_ program: String) {
    guard let state = jq_init() else { return nil }
    self.state = state
    report = .allocate(capacity: 1)
    report.initialize(to: Report(state: state))
    jq_set_error_cb(
      state,
      { context, message in
        context?.assumingMemoryBound(to: Report.self).pointee.messages.append(
          JQConversion.text(jq_format_error(message)))
      }, report)
    jq_set_debug_cb(
      state,
      { context, value in
        context?.assumingMemoryBound(to: Report.self).pointee.pass(value)
        jv_free(value)
      }, report)
    jq_set_input_cb(
      state,
      { _, context in
        context?.assumingMemoryBound(to: Report.self).pointee.budget.measuresNext = true
        return jv_true()
      }, report)
  }

  deinit {
    jq_teardown(&state)
    report.deinitialize(count: 1)
    report.deallocate()
  }

  /// What is wrong with the program, in jq's words; `nil` when nothing is.
  func compile(_ program: String) -> String? {
    if jq_compile(state, program) != 0 { return nil }
    return report.pointee.messages.joined(separator: "; ")
  }

  func evaluate(_ inputs: [JSON]) throws(ExpressionError) -> JSON {
    report.pointee.budget = JQBudget()
    var conversion = JQConversion()
    var array = jv_array_sized(Int32(inputs.count))
    for input in inputs { array = jv_array_append(array, conversion.jq(input)) }
    jq_start(state, array, 0)
    // Lets go of what the evaluation still holds.
    defer { jq_start(state, jv_null(), 0) }
    let first = try next()
    guard let first else {
      throw ExpressionError(
        code: .count, message: "the expression gave no value; write '… // null' where there may be none")
    }
    let value = try conversion.json(first)
    guard try next().map({ jv_free($0) }) == nil else {
      throw ExpressionError(
        code: .count, message: "the expression gave more than one value; write '[…]' or 'first(…)'")
    }
    return value
  }

  /// The next value, which the caller owns; `nil` after the last.
  private func next() throws(ExpressionError) -> jv? {
    let value = jq_next(state)
    if let reason = report.pointee.budget.exceeded {
      jv_free(value)
      throw ExpressionError(code: .limit, message: reason)
    }
    if jv_get_kind(value) != JV_KIND_INVALID { return value }
    let message = jv_invalid_get_msg(value)
    defer { jv_free(message) }
    if jv_get_kind(message) == JV_KIND_NULL { return nil }
    throw ExpressionError(code: .evaluation, message: JQConversion.message(message))
  }
}
