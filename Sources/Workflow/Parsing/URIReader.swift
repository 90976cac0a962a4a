import Values
import YAML

/// URIs: literal, with `{names}` to fill in, or computed. Sources: "Endpoint", "URI Template".
struct URIReader {
  let file: SourceFile
  let reader: ExpressionReader

  /// - Parameter isAbsolute: whether a literal must have a scheme and `://`, as the standard's schema wants endpoints.
  func template(_ node: YAMLNode, isAbsolute: Bool) -> Template? {
    guard case .string(let text)? = node.scalar, Expression.source(of: text) == nil else {
      return reader.template(node, .taskDefinition)
    }
    if isAbsolute, Self.scheme(of: text) == nil {
      file.error(
        .invalidValue, node.position, "'\(text)' is no URI with a scheme", hint: hint(for: text))
      return nil
    }
    if let blank = text.unicodeScalars.first(where: { $0.properties.isWhitespace || $0.value < 0x20 }) {
      let offset = text.utf8.distance(
        from: text.startIndex, to: text.unicodeScalars.firstIndex(of: blank) ?? text.startIndex)
      file.error(
        .invalidValue, file.position(of: offset, in: text, at: node), "a URI has no blanks", hint: "%20 stands for one")
      return nil
    }
    return literal(text, node)
  }

  private func literal(_ text: String, _ node: YAMLNode) -> Template? {
    guard text.contains(where: { $0 == "{" || $0 == "}" }) else { return .constant(.string(text)) }
    do throws(URITemplateError) {
      return .uri(try URITemplate(text))
    } catch {
      file.error(
        .invalidValue, file.position(of: error.offset, in: text, at: node), "no URI template: \(error.message)",
        hint: error.hint)
      return nil
    }
  }

  private func hint(for text: String) -> String {
    text.hasPrefix(".") || text.hasPrefix("$")
      ? "put the expression into ${ }" : "such as https://example.org/orders/{orderId}"
  }

  /// What stands before `://`, in lower case.
  static func scheme(of text: String) -> String? {
    guard let end = text.firstRange(of: "://")?.lowerBound, let first = text.utf8.first,
      (0x61...0x7A).contains(first | 0x20)
    else { return nil }
    let scheme = text[..<end]
    let isScheme = scheme.utf8.allSatisfy {
      JQLexer.isDigit($0) || (0x61...0x7A).contains($0 | 0x20) || [0x2B, 0x2D, 0x2E].contains($0)
    }
    return isScheme ? scheme.lowercased() : nil
  }
}
