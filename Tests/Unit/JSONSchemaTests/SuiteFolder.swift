import Glibc
import Values

/// Where the public suite is: `JSON_SCHEMA_SUITE`, or where `scripts/json-schema-suite.sh` puts it.
struct SuiteFolder {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  let path: String
  /// Names of files, sorted.
  let files: [String]

  init() throws {
    let named = getenv("JSON_SCHEMA_SUITE").map { String(cString: $0) } ?? ""
    let folder = (named.isEmpty ? Self.usualPlace : named) + "/tests/draft2020-12"
    guard let handle = opendir(folder) else {
      throw Failure(
        description: "no JSON-Schema-Test-Suite at \(folder): run scripts/json-schema-suite.sh install, or set "
          + "JSON_SCHEMA_SUITE to a folder that has tests/draft2020-12")
    }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name.hasSuffix(".json") { names.append(name) }
    }
    path = folder
    files = names.sorted()
  }

  private static var usualPlace: String {
    let file = realpath(#filePath, nil)
    defer { free(file) }
    let parts = (file.map { String(cString: $0) } ?? #filePath).split(separator: "/").dropLast(4)
    return "/" + parts.joined(separator: "/") + "/.build-tools/json-schema-suite-4.26.0"
  }

  func read(_ name: String) throws -> JSON {
    guard let file = fopen(path + "/" + name, "r") else { throw Failure(description: "cannot read \(path)/\(name)") }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
    return try JSON.parse(bytes)
  }
}
