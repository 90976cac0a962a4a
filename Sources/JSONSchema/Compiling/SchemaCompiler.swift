import Values

/// Turns a document into a ``Program``: first every schema in it gets a place, then every keyword is read, and references
/// become places.
struct SchemaCompiler {
  /// A schema that has a place.
  struct Source {
    let json: JSON
    let document: Int
    let pointer: String
    let resource: Int
  }

  private struct Place: Hashable {
    let document: Int
    let pointer: Name
  }

  var program = Program()
  /// In the order of the program's nodes.
  private(set) var sources: [Source] = []
  /// The document first; the meta-schemas once something refers to them.
  private var documents: [(json: JSON, prefix: String)] = []
  private var places: [Place: Int] = [:]
  private var resourcesByURI: [URIReference: Int] = [:]

  static func compile(_ document: JSON) throws(JSONSchemaError) -> Program {
    guard !Measure(document).isTooDeep else {
      throw JSONSchemaError(
        code: .tooDeep, message: "the schema nests deeper than \(Measure.deepest) levels; move parts to '$defs'",
        pointer: "")
    }
    var compiler = SchemaCompiler()
    try compiler.add(document, base: URIReference(""), prefix: "")
    var next = 0
    // References may lead to schemas that had no place yet.
    while next < compiler.sources.count {
      try compiler.compileNode(next)
      next += 1
    }
    try compiler.checkCycles()
    return compiler.program
  }

  // MARK: - Places

  private mutating func add(_ json: JSON, base: URIReference, prefix: String) throws(JSONSchemaError) {
    documents.append((json, prefix))
    program.resources.append(Resource(base: base, root: program.nodes.count))
    resourcesByURI[base] = program.resources.count - 1
    try place(
      Source(json: json, document: documents.count - 1, pointer: "", resource: program.resources.count - 1))
  }

  /// Gives a place to a schema and to all within it.
  private mutating func place(_ source: Source) throws(JSONSchemaError) {
    var open = [source]
    while let source = open.popLast() {
      var source = source
      let place = Place(document: source.document, pointer: Name(source.pointer))
      if places[place] != nil { continue }
      if let members = source.json.object {
        source = try identify(source, members)
      } else if source.json.bool == nil {
        throw JSONSchemaError(
          code: .keyword, message: "a schema must be an object or a boolean, not \(Types(of: source.json).phrase)",
          pointer: source.pointer)
      }
      places[place] = sources.count
      sources.append(source)
      program.nodes.append(
        Node(location: documents[source.document].prefix + source.pointer, resource: source.resource))
      open += try Subschemas.of(source)
    }
  }

  /// Reads what names this schema. The result belongs to a resource of its own if it has an `$id`.
  private mutating func identify(_ source: Source, _ members: JSONObject) throws(JSONSchemaError) -> Source {
    var source = source
    let keywords = KeywordReader(source, members)
    try keywords.checkDialect()
    let node = sources.count
    if let id = try keywords.text("$id") {
      source = Source(
        json: source.json, document: source.document, pointer: source.pointer,
        resource: try addResource(id, source, keywords))
    }
    for keyword in ["$anchor", "$dynamicAnchor"] {
      guard let anchor = try keywords.text(keyword) else { continue }
      guard Self.isAnchor(anchor) else {
        throw keywords.error(
          .identifier, keyword, "must begin with a letter or '_' and go on with letters, digits, '-', '_' and '.'")
      }
      // A dynamic anchor is a plain one as well.
      if let other = program.resources[source.resource].anchors.updateValue(node, forKey: Name(anchor)), other != node {
        throw keywords.error(.identifier, keyword, "names '\(anchor)', which another schema has for its name")
      }
      if keyword == "$dynamicAnchor" { program.resources[source.resource].dynamicAnchors[Name(anchor)] = node }
    }
    return source
  }

  /// "Core", section 8.2.1.
  private mutating func addResource(
    _ id: String, _ source: Source, _ keywords: KeywordReader
  ) throws(JSONSchemaError) -> Int {
    let uri = URIReference(id).resolved(against: program.resources[source.resource].base)
    guard uri.fragment?.isEmpty ?? true else {
      throw keywords.error(.identifier, "$id", "must have no fragment; '$anchor' names a part of a schema")
    }
    let base = uri.withoutFragment
    let isRoot = source.pointer.isEmpty
    if let other = resourcesByURI[base], program.resources[other].root != sources.count {
      throw keywords.error(.identifier, "$id", "is '\(base.text)', which another schema has for its address")
    }
    if isRoot && resourcesByURI[base] != nil { return source.resource }
    program.resources.append(Resource(base: base, root: sources.count))
    resourcesByURI[base] = program.resources.count - 1
    return program.resources.count - 1
  }

  /// "Core", section 8.2.2.
  private static func isAnchor(_ text: String) -> Bool {
    guard let first = text.utf8.first, first != UInt8(ascii: "-"), first != UInt8(ascii: ".") else { return false }
    return !(0x30...0x39 ~= first)
      && text.unicodeScalars.allSatisfy {
        $0.isASCII && ($0.properties.isAlphabetic || "0"..."9" ~= $0 || $0 == "-" || $0 == "_" || $0 == ".")
      }
  }

  /// The place of a schema within another, which has been given one with it.
  func child(of node: Int, _ pointer: String) -> Int? {
    places[Place(document: sources[node].document, pointer: Name(sources[node].pointer + pointer))]
  }

  // MARK: - References

  /// Where a reference leads ("Core", section 8.2.3), and the anchor if it names one.
  mutating func resolve(
    _ reference: String, at node: Int, _ keywords: KeywordReader, _ keyword: String
  ) throws(JSONSchemaError) -> (node: Int, anchor: Name?) {
    let uri = URIReference(reference).resolved(against: program.resources[sources[node].resource].base)
    guard let resource = try findResource(uri.withoutFragment) else {
      throw keywords.error(
        .remoteReference, keyword,
        "refers to '\(uri.text)' in another document, which is not read; copy it into '$defs' of this one with its '$id'"
      )
    }
    guard let fragment = uri.decodedFragment else {
      throw keywords.error(.reference, keyword, "refers to '\(reference)', whose fragment is not percent-encoded well")
    }
    let root = program.resources[resource].root
    if fragment.isEmpty { return (root, nil) }
    if let tokens = JSONPointer.tokens(fragment) {
      if let target = try follow(tokens, from: root) { return (target, nil) }
    } else if let target = program.resources[resource].anchors[Name(fragment)] {
      return (target, Name(fragment))
    }
    throw keywords.error(.reference, keyword, "refers to '\(reference)', which is not there")
  }

  private mutating func findResource(_ uri: URIReference) throws(JSONSchemaError) -> Int? {
    if let resource = resourcesByURI[uri] { return resource }
    guard MetaSchema.documents[uri.text] != nil else { return nil }
    for (address, document) in MetaSchema.documents where resourcesByURI[URIReference(address)] == nil {
      try add(document, base: URIReference(address), prefix: address + "#")
    }
    return resourcesByURI[uri]
  }

  /// Gives the target a place if it has none: a pointer may lead below a keyword that holds no schemas by itself.
  private mutating func follow(_ tokens: [String], from root: Int) throws(JSONSchemaError) -> Int? {
    var current = sources[root]
    var json = current.json
    var pointer = current.pointer
    for token in tokens {
      let next: JSON? =
        switch json {
        case .object(let members): members[token]
        case .array(let values): Self.element(of: values, token)
        default: nil
        }
      guard let next else { return nil }
      json = next
      pointer += "/" + JSONPointer.escape(token)
      if let node = places[Place(document: current.document, pointer: Name(pointer))] { current = sources[node] }
    }
    let place = Place(document: current.document, pointer: Name(pointer))
    if places[place] == nil {
      try self.place(
        Source(json: json, document: current.document, pointer: pointer, resource: current.resource))
    }
    return places[place]
  }

  /// RFC 6901, section 4: no leading zeros.
  private static func element(of values: [JSON], _ token: String) -> JSON? {
    guard let place = Int(token), String(place) == token, values.indices.contains(place) else { return nil }
    return values[place]
  }
}
