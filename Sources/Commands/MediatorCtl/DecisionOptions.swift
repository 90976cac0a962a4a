import ArgumentParser

/// Who decides, why, and whether it is only tried: of verbs about what is not an instance.
struct DecisionOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Why; it is kept with it.", valueName: "text"))
  var reason = ""
  @Option(help: ArgumentHelp("Who decides; the user of this machine when left out.", valueName: "name"))
  var author: String?
  @Flag(help: "Only tells what would happen.")
  var dryRun = false
  @Flag(name: [.customShort("y"), .long], help: "Does not ask.")
  var yes = false

  var who: String { author ?? currentActor() }
}
