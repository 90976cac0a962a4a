import Values

/// The most that is read of JSON given on the command line or in a file.
private let maxBytes = 16 << 20

/// JSON as an option gives it: itself, `@FILE`, or `-` for standard input.
func readJSON(_ argument: String, option: String) throws(CommandFailure) -> JSON {
  let bytes: [UInt8]
  switch argument.first {
  case "@": bytes = try readFile(String(argument.dropFirst()), limit: maxBytes + 1)
  case "-" where argument == "-": bytes = try readFile("-", limit: maxBytes + 1)
  default: bytes = Array(argument.utf8)
  }
  do {
    return try JSON.parse(bytes)
  } catch {
    throw CommandFailure(
      "\(option) is no JSON", why: error.description,
      next: "quote it for the shell: \(option) '{\"text\": \"hello\"}'; a file is named with @: \(option) @file.json",
      status: .invalid)
  }
}
