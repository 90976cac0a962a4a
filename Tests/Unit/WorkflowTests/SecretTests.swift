import Testing
import Values

@testable import Workflow

/// Secrets can be passed on, and not looked at: the engine has placeholders only.
struct SecretTests {
  private static let allowed = #"""
    $secrets.key
    $secrets.account.password
    $secrets["key"]["a b"]
    $secrets.key?
    ($secrets.key)
    "Bearer \($secrets.key)"
    "\(.user):\($secrets.account.password)"
    "Bearer " + $secrets.key
    $secrets.key + "." + .x
    [$secrets.key, $secrets.account, .x]
    {a: $secrets.key, b: {c: "x\($secrets.key)"}}
    $input + {token: $secrets.key}
    if .x then $secrets.key else "none" end
    if .x then .y elif .z then $secrets.key else $secrets.account.x end
    .token // $secrets.key
    $secrets.key // "none"
    .x | {a: ., b: $secrets.key}
    .x as $x | {a: $x, b: $secrets.key}
    def f: .x; {a: f, b: $secrets.key}
    """#

  @Test(arguments: Table.lines(of: allowed))
  func canBePassedOn(expression: String) {
    let found = diagnose(text(expression))
    #expect(found.isEmpty, "\(found.map(\.rendered))")
  }

  private static let refused = #"""
    $secrets
    $secrets[.x]
    $secrets.key | length
    $secrets | .key
    $secrets.key == "x"
    "x" | test($secrets.key)
    $secrets.key | @base64
    @base64 "\($secrets.key)"
    if $secrets.key == "x" then 1 else 2 end
    if $secrets.key then 1 else 2 end
    {($secrets.key): 1}
    $secrets.key * 2
    $secrets.key - 1
    -$secrets.key
    $secrets.key[0:3]
    $secrets.key[]
    [$secrets.key] | length
    $secrets.key as $k | $k | length
    $secrets.key as $k | $k
    def f: $secrets.key | length; f
    [.x[] | select(. == $secrets.key)]
    reduce .x[] as $i ($secrets.key; . + $i)
    .x = $secrets.key
    keys($secrets)
    ($secrets | keys)
    $secrets.key and true
    try $secrets.key catch length
    .[$secrets.key]
    """#

  @Test(arguments: Table.lines(of: refused))
  func cannotBeLookedAt(expression: String) {
    let found = diagnose(text(expression))
    #expect(found.count == 1 && found.allSatisfy { $0.severity == .error }, "\(found.map(\.rendered))")
    if !expression.hasPrefix("keys(") {
      #expect(found.first?.message.hasPrefix("a secret can only be passed on") == true, "\(found.map(\.rendered))")
    }
  }

  private func text(_ expression: String) -> String {
    let quoted = JSON.string("${ \(expression) }").text
    return workflow("- a: {call: x, with: {k: \(quoted)}}", more: "use: {secrets: [key, account]}")
  }

  @Test func theyMustBeDeclared() throws {
    try expectOnlyError(
      diagnose(text("[$secrets.key, $secrets.kye]")),
      "7:47 unresolved | no secret 'kye' under use.secrets | Did you mean 'key'?")
    try expectOnlyError(
      diagnose(workflow("- a: {call: x, with: {k: '${ $secrets.key }'}}")),
      "7:32 unresolved | no secret 'key' | use: {secrets: [key]}")
    #expect(try parsed(text("$secrets.key")).secrets == ["key", "account"])
  }

  /// Where an expression decides, or is compared, there is nothing to pass on to.
  @Test(arguments: [
    "{set: {x: 1}, if: $secrets.key}", "{switch: [{b: {when: $secrets.key, then: end}}]}",
    "{for: {in: .x}, while: $secrets.key, do: []}", "{wait: '${ $secrets.key }'}",
    "{set: {x: 1}, timeout: {after: '${ $secrets.key }'}}", "{try: [], catch: {when: $secrets.key}}",
    "{listen: {to: {one: {with: {type: '${ $secrets.key }'}}}}}",
    "{listen: {to: {one: {with: {type: t}, correlate: {k: {from: .k, expect: '${ $secrets.key }'}}}}}}",
  ])
  func nothingIsDecidedByThem(task: String) {
    let found = diagnose(workflow("- a: \(task)", more: "use: {secrets: [key]}"))
    #expect(found.count == 1 && found.first?.code == .unsupported, "\(found.map(\.rendered))")
    #expect(found.first?.hint?.contains("nothing can be decided by a secret") == true)
  }

  @Test(arguments: [
    ("- a: {set: {x: 1}, input: {from: '{k: $secrets.key}'}}", ""), ("- a: {set: {x: '${ $secrets.key }'}}", ""),
    ("- a: {set: {x: 1}, output: {as: $secrets.key}}", ""),
    ("- a: {set: {x: 1}, export: {as: {k: '${ $secrets.key }'}}}", ""),
    ("- a: {set: {x: 1}}", "input: {from: $secrets.key}"), ("- a: {set: {x: 1}}", "output: {as: $secrets.key}"),
  ])
  func everyStageOfTheTableHasThem(tasks: String, more: String) throws {
    _ = try parsed(workflow(tasks, more: "use: {secrets: [key]}\n\(more)"))
  }
}
