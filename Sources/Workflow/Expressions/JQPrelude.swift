/// Definitions put in front of a printed program: the bounds, and jq's own functions where libjq's might not end.
enum JQPrelude {
  /// - Parameter names: what the program calls; what those call comes with them.
  static func text(for names: Set<String>) -> String {
    var needed = names
    // Definitions stand after those they call, so one pass from the end finds all.
    for definition in definitions.reversed() where needed.contains(definition.name) {
      needed.formUnion(definition.uses)
    }
    return definitions.filter { needed.contains($0.name) }.map(\.text).joined()
  }

  private struct Definition {
    let name: String
    var uses: [String] = []
    let text: String
  }

  private static let definitions: [Definition] = [
    // `input` answers true, and tells the budget to measure the next value as a whole.
    Definition(name: "s_deep", text: "def s_deep:if input then . else . end|debug;"),
    Definition(
      name: "s_index",
      text: """
        def s_index:if type=="number" and .>\(Int(JQBudget.maxIndex)) then \
        error("the index \\(.) is too large") else . end;
        """),
    Definition(
      name: "s_path", uses: ["s_index"],
      text: "def s_path:if type==\"array\" then map(s_index) else . end;"),
    Definition(
      name: "s_multiply", uses: ["s_deep"],
      text: """
        def s_multiply(a;b):(b|s_deep) as $b|(a|s_deep) as $a|\
        (if ($a|type)=="string" then [$a,$b] elif ($b|type)=="string" then [$b,$a] else null end) as $s|\
        if $s!=null and ($s[1]|type)=="number" and ($s[0]|utf8bytelength)*$s[1]>\(JQBudget.maxStringBytes) then \
        error("the repeated text is too long") else $a*$b|debug end;
        """),
    Definition(
      name: "s_combinations_1",
      text: """
        def s_combinations_1(n):n as $n|if $n>\(JQBudget.maxCombinations) then \
        error("the number of combined items is too large") else combinations($n)|debug end;
        """),
    Definition(
      name: "s_fromstream_1", uses: ["s_path"],
      text: "def s_fromstream_1(f):fromstream(f|if type==\"array\" and length>0 then [(.[0]|s_path)]+.[1:] else . end);"
    ),
    Definition(
      name: "s_indices_1", uses: ["s_deep"],
      text: "def s_indices_1(i):i as $i|if $i==\"\" or $i==[] then [] else s_deep|indices($i)|debug end;"),
    Definition(name: "s_index_1", uses: ["s_indices_1"], text: "def s_index_1(i):s_indices_1(i)|.[0];"),
    Definition(name: "s_rindex_1", uses: ["s_indices_1"], text: "def s_rindex_1(i):s_indices_1(i)|.[-1:][0];"),
    Definition(
      name: "s_paths_1",
      text: "def s_paths_1(f):. as $d|paths|debug|select(. as $p|$d|getpath($p)|f);"),
    Definition(name: "s_walk_1", text: "def s_walk_1(f):walk(debug|f|debug);"),
    Definition(name: "s_recurse_1", text: "def s_recurse_1(f):def r:.,(f|debug|r);r;"),
    Definition(name: "s_recurse_2", text: "def s_recurse_2(f;c):def r:.,(f|debug|select(c)|r);r;"),
    Definition(name: "s_repeat_1", text: "def s_repeat_1(f):def r:.,(f|debug|r);r;"),
    Definition(
      name: "s_until_2", text: "def s_until_2(c;f):def r:if c then . else (f|debug|r) end;r;"),
    Definition(
      name: "s_while_2", text: "def s_while_2(c;f):def r:if c then .,(f|debug|r) else empty end;r;"),
    // libjq 1.6 replaces an empty match for ever, so the matches are found first and then put in place.
    Definition(
      name: "s_sub_3",
      text: """
        def s_sub_3(re;s;flags):. as $in|re as $re|flags as $flags|\
        reduce match($re;$flags) as $m ({at:0,out:[]};\
        ([$m.captures[]|select(.name!=null)|{(.name):.string}]|add//{}|[s]) as $text|\
        if ($text|length)==1 and ($text[0]|type)=="string" then \
        {at:($m.offset+$m.length),out:(.out+[$in[.at:$m.offset],$text[0]])}|debug \
        else error("exactly one text must be put in place of a match") end)|\
        (.out|add//"")+$in[.at:]|debug;
        """),
    Definition(name: "s_sub_2", uses: ["s_sub_3"], text: "def s_sub_2(re;s):s_sub_3(re;s;\"\");"),
    Definition(name: "s_gsub_3", uses: ["s_sub_3"], text: "def s_gsub_3(re;s;flags):s_sub_3(re;s;flags+\"g\");"),
    Definition(name: "s_gsub_2", uses: ["s_sub_3"], text: "def s_gsub_2(re;s):s_sub_3(re;s;\"g\");"),
  ]
}
