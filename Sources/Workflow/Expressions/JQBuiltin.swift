/// A function of jq 1.6 that expressions may use, and what keeps a call of it within bounds.
///
/// libjq can be stopped only where it calls back: `debug` is such a place, so the printed program passes values through
/// it wherever an expression could go on for ever or grow without end (see ``JQBudget``).
struct JQBuiltin: Sendable {
  enum Care: Sendable {
    /// Its cost follows from its input.
    case none
    /// Gives many values: each is counted.
    case generates
    /// Its result can be larger than its input.
    case grows
    /// Walks its whole input, which may contain one value very often: the input is measured first.
    case walks
    /// Replaced by a definition of the prelude with the same meaning, and bounds.
    case replaced
    /// Its first argument is a place that could be written to.
    case writesPath
    /// Its first argument is an index that could be written to.
    case writesIndex
  }

  let name: String
  let arity: Int
  let care: Care

  /// Its argument is a path: what it says where, not what.
  var takesPath: Bool { ["path", "del", "paths"].contains(name) && arity == 1 && care != .replaced }

  /// Gives what its arguments give, so that it is a path where they are.
  var passesPath: Bool { ["first", "last", "limit", "nth", "recurse", "repeat", "until", "while"].contains(name) }

  static func named(_ name: String, arity: Int) -> JQBuiltin? { all["\(name)/\(arity)"] }

  /// Which numbers of arguments a name can be called with.
  static func arities(of name: String) -> [Int] { (0...4).filter { all["\(name)/\($0)"] != nil } }

  static let names: [String] = Set(all.values.map(\.name)).sorted()

  /// What jq has and an expression must not use, with the reason.
  static let refused: [String: String] = {
    let environment = "the environment of the engine is not visible to expressions"
    let input = "an expression has one input, which is '.'"
    let effect = "an expression has no effect besides its value"
    let process = "an expression cannot end the engine"
    let zone = "the engine's time zone is not visible to expressions: use gmtime and strftime"
    let modules = "modules cannot be used in an expression"
    return [
      "env": environment, "input": input, "inputs": input, "input_filename": input, "input_line_number": input,
      "debug": effect, "stderr": effect, "halt": process, "halt_error": process, "localtime": zone,
      "strflocaltime": zone, "get_search_list": modules, "get_jq_origin": modules, "get_prog_origin": modules,
      "modulemeta": modules, "builtins": modules,
      "now": "an expression must give the same value whenever it is evaluated: use $workflow.startedAt or"
        + " $task.startedAt",
    ]
  }()

  private static let all: [String: JQBuiltin] = {
    let lists: [(Care, String)] = [
      (.none, plain), (.generates, generating), (.grows, growing), (.walks, walking), (.replaced, replaced),
      (.writesPath, "getpath/1 setpath/2"), (.writesIndex, "nth/1"),
    ]
    var all: [String: JQBuiltin] = [:]
    for (care, list) in lists {
      for signature in list.split(whereSeparator: \.isWhitespace) {
        let parts = signature.split(separator: "/")
        let name = String(parts[0])
        all[String(signature)] = JQBuiltin(name: name, arity: Int(parts[1]) ?? 0, care: care)
      }
    }
    return all
  }()

  private static let plain = """
    acos/0 acosh/0 asin/0 asinh/0 atan/0 atan2/2 atanh/0 cbrt/0 ceil/0 copysign/2 cos/0 cosh/0 drem/2 erf/0 erfc/0 exp/0
    exp10/0 exp2/0 expm1/0 fabs/0 fdim/2 floor/0 fma/3 fmax/2 fmin/2 fmod/2 frexp/0 gamma/0 hypot/2 j0/0 j1/0 jn/2
    ldexp/2 lgamma/0 lgamma_r/0 log/0 log10/0 log1p/0 log2/0 logb/0 modf/0 nearbyint/0 nextafter/2 nexttoward/2 pow/2
    remainder/2 rint/0 round/0 scalb/2 scalbln/2 significand/0 sin/0 sinh/0 sqrt/0 tan/0 tanh/0 tgamma/0 trunc/0 y0/0
    y1/0 yn/2 infinite/0 nan/0 isfinite/0 isinfinite/0 isnan/0 isnormal/0
    all/0 all/1 all/2 any/0 any/1 any/2 arrays/0 booleans/0 finites/0 iterables/0 normals/0 nulls/0 numbers/0 objects/0
    scalars/0 scalars_or_empty/0 strings/0 values/0 ascii_downcase/0 ascii_upcase/0 capture/1 capture/2 del/1 delpaths/1
    empty/0 endswith/1 error/0 error/1 first/0 first/1 from_entries/0 fromdate/0 fromdateiso8601/0 gmtime/0 has/1 in/1
    isempty/1 keys/0 keys_unsorted/0 last/0 last/1 length/0 limit/2 ltrimstr/1 map/1 map_values/1 mktime/0 not/0 nth/2
    path/1 reverse/0 rtrimstr/1 select/1 startswith/1 strftime/1 strptime/1 test/1 test/2 to_entries/0 todate/0
    todateiso8601/0 tonumber/0 transpose/0 type/0 utf8bytelength/0 with_entries/1
    """

  private static let generating = """
    combinations/0 leaf_paths/0 match/1 match/2 paths/0 range/1 range/2 range/3 recurse/0 recurse_down/0 scan/1 splits/1
    splits/2 tostream/0 truncate_stream/1 JOIN/3 JOIN/4
    """

  private static let growing = "explode/0 fromjson/0 implode/0 split/1 split/2"

  private static let walking = """
    add/0 bsearch/1 contains/1 flatten/0 flatten/1 format/1 group_by/1 inside/1 join/1 max/0 max_by/1 min/0 min_by/1
    sort/0 sort_by/1 tojson/0 tostring/0 unique/0 unique_by/1 IN/1 IN/2 INDEX/1 INDEX/2 JOIN/2
    """

  private static let replaced = """
    combinations/1 fromstream/1 gsub/2 gsub/3 index/1 indices/1 paths/1 recurse/1 recurse/2 repeat/1 rindex/1 sub/2
    sub/3 until/2 walk/1 while/2
    """
}
