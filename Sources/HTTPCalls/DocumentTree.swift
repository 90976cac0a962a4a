import HTTP
import Values
import YAML

/// A description of an API, in JSON or YAML, with the references within it.
struct DocumentTree: Sendable {
  let root: JSON
  /// Where it was read.
  let url: HTTPURL

  init(_ root: JSON, url: HTTPURL) {
    self.root = root
    self.url = url
  }

  /// Reads the text.
  ///
  /// - Throws: `configuration` with the place of the mistake.
  init(_ bytes: [UInt8], url: HTTPURL) throws(HTTPCallError) {
    if bytes.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) == UInt8(ascii: "{"),
      let root = try? JSON.parse(bytes)
    {
      self.init(root, url: url)
      return
    }
    var limits = YAMLLimits()
    limits.maxBytes = max(limits.maxBytes, bytes.count)
    limits.maxDepth = 128
    do throws(YAMLError) {
      self.init(try YAML.parse(bytes, limits: limits).json, url: url)
    } catch {
      let problem = error.problems.first.map { "\($0.message) (line \($0.position.line))" } ?? "it is no YAML"
      throw .misconfigured("\(Self.place(url)) cannot be read: \(problem)")
    }
  }

  /// What messages call it.
  var place: String { Self.place(url) }

  private static func place(_ url: HTTPURL) -> String { "the document at \(url.origin)\(url.path)" }

  // MARK: References

  /// What a value stands for: itself, or what its `$ref` leads to within the document (RFC 6901).
  func resolved(_ value: JSON) throws(HTTPCallError) -> JSON {
    var value = value
    for _ in 0..<Self.longestChain {
      guard let reference = value["$ref"]?.string else { return value }
      guard reference.hasPrefix("#") else {
        throw .misconfigured("the document refers to '\(reference)'; only references within it are followed")
      }
      guard let target = target(of: reference.dropFirst()) else {
        throw .misconfigured("the document refers to '\(reference)', which it does not have")
      }
      value = target
    }
    throw .misconfigured("the document's references lead in a circle")
  }

  private static let longestChain = 16

  private func target(of pointer: Substring) -> JSON? { JSONPointer.parts(ofFragment: pointer).flatMap { root[$0] } }
}

/// RFC 6901.
enum JSONPointer {
  /// - Parameter pointer: as in the fragment of a URI (section 6): percent-encoded; a plus is a plus.
  /// - Returns: nil where it is none.
  static func parts(ofFragment pointer: Substring) -> [String]? {
    guard pointer.isEmpty || pointer.hasPrefix("/") else { return nil }
    return pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map { part in
      let text = PercentEncoding.decodedQuery(part.replacing("+", with: "%2B"))
      return text.replacing("~1", with: "/").replacing("~0", with: "~")
    }
  }
}

extension JSON {
  /// The value at a pointer.
  subscript(path: [String]) -> JSON? {
    var value = self
    for name in path {
      guard let next = value[name] ?? Int(name).flatMap({ value[$0] }) else { return nil }
      value = next
    }
    return value
  }
}
