// Its encodings and syntaxes are global variables to the compiler. They are tables in fact, which this module only ever
// reads, and only under one lock.
@preconcurrency import CJQ
import Synchronization

/// A regular expression of ECMA-262 in Unicode mode ("Core", section 6.4), compiled by libonig.
///
/// libonig rather than Swift's `Regex`, because it can be told when to give up: a search that backtracks without end
/// stops after a number of steps given with it. Swift's has no such bound, and is not `Sendable`. Its own syntax differs,
/// so that ``PatternTranslator`` writes the expression anew.
///
/// More lenient than the standard: an ASCII punctuation mark may be escaped although it need not be, and a lone `]`, `{`
/// or `}`, or a `-` beside a class as in `[\w-.]`, stands for itself. Not taken: modifiers such as `(?i:…)`, and the
/// property `Script_Extensions`. A group keeps what it captured when its repetition comes round again.
///
/// `@unchecked Sendable` is safe because libonig writes to a compiled expression in `onig_new` only, which has returned
/// before anyone else sees it, and in `onig_free`, which runs when nobody sees it any more; a search reads it and keeps
/// its state on its own stack.
final class RegularExpression: @unchecked Sendable {
  enum Answer {
    case found
    case notFound
    /// Within these bounds there is no telling.
    case gaveUp
  }

  let source: String
  /// Begins with `^`, so that a search starts at one place only.
  let isAnchored: Bool
  private let compiled: OnigRegex

  /// As long as an expression may be, in bytes.
  static let longest = 10_000
  /// Some 50 MB for a search.
  private static let stackEntries: UInt32 = 1_000_000

  init(_ source: String) throws(PatternError) {
    guard source.utf8.count <= Self.longest else {
      throw PatternError("is longer than \(Self.longest) bytes")
    }
    var translator = PatternTranslator(source)
    let translated = try translator.translate()
    isAnchored = translator.isAnchored
    self.source = source
    compiled = try Self.compile(Array(translated.utf8))
  }

  deinit { onig_free(compiled) }

  /// What libonig prepares on first use is its own and shared by all expressions.
  private static let compiling: Mutex<Bool> = Mutex(false)

  private static func compile(_ pattern: [UInt8]) throws(PatternError) -> OnigRegex {
    var compiled: OnigRegex?
    let status = compiling.withLock { isPrepared in
      withUnsafeMutablePointer(to: &OnigEncodingUTF8) { encoding in
        if !isPrepared {
          var encodings: [OnigEncoding?] = [encoding]
          _ = onig_initialize(&encodings, 1)
          isPrepared = true
        }
        return pattern.withUnsafeBufferPointer { bytes in
          // `\b` and `\B` go by ASCII letters in ECMA-262.
          onig_new(
            &compiled, bytes.baseAddress, bytes.baseAddress.map { $0 + bytes.count }, ONIG_OPTION_WORD_IS_ASCII,
            encoding,
            &OnigSyntaxOniguruma, nil)
        }
      }
    }
    guard status == ONIG_NORMAL, let compiled else { throw PatternError(status: status) }
    return compiled
  }

  /// Whether the expression matches anywhere in the text.
  ///
  /// - Parameter retries: how often the search may take another way before it gives up.
  func search(_ text: String, retries: Int) -> Answer {
    guard let parameters = onig_new_match_param() else { return .gaveUp }
    defer { onig_free_match_param(parameters) }
    _ = onig_set_match_stack_limit_size_of_match_param(parameters, Self.stackEntries)
    _ = onig_set_retry_limit_in_match_of_match_param(parameters, UInt(retries))
    _ = onig_set_retry_limit_in_search_of_match_param(parameters, UInt(retries))
    // The zero at the end gives an address even to an empty text.
    let result = text.utf8CString.withUnsafeBytes { bytes in
      let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
      let end = start.map { $0 + (bytes.count - 1) }
      return onig_search_with_param(compiled, start, end, start, end, nil, 0, parameters)
    }
    return result >= 0 ? .found : result == ONIG_MISMATCH ? .notFound : .gaveUp
  }
}

/// Why a text is no regular expression; the message goes on from "the expression".
struct PatternError: Error {
  let message: String

  init(_ message: String) { self.message = message }

  /// - Parameter status: of libonig, whose words for it only a variadic function tells.
  init(status: Int32) {
    switch status {
    case ONIGERR_TOO_BIG_NUMBER_FOR_REPEAT_RANGE: message = "repeats something too often (100,000 times at most)"
    case ONIGERR_INVALID_LOOK_BEHIND_PATTERN: message = "looks behind with something that cannot be looked behind with"
    case ONIGERR_INVALID_CHAR_PROPERTY_NAME: message = "names a property of characters that is not known"
    case ONIGERR_PARSE_DEPTH_LIMIT_OVER: message = "is nested too deeply"
    default: message = "cannot be compiled (status \(status) of libonig)"
    }
  }
}
