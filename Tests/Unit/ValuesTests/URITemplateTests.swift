import Testing
import Values

@Suite("URI templates")
struct URITemplateTests {
  /// The variables of RFC 6570, section 3.2, and a few more.
  private static let values: [String: JSON] = [
    "count": ["one", "two", "three"], "dom": ["example", "com"], "dub": "me/too", "hello": "Hello World!",
    "half": "50%", "var": "value", "who": "fred", "base": "http://example.com/home/", "path": "/foo/bar",
    "list": ["red", "green", "blue"], "keys": ["semi": ";", "dot": ".", "comma": ","], "v": "6", "x": "1024",
    "y": "768", "empty": "", "empty_keys": [:], "undef": nil,
    "number": 6, "long": .number(JSONNumber(text: "-122.4270") ?? JSONNumber(0)), "yes": true, "empty_list": [],
    "nulls": [nil, nil], "gaps": [nil, "a", nil, 2, false], "no_members": ["a": nil], "members": ["a": nil, "b": ""],
    "nested": [["a": 1], [1, 2]], "deep": ["a": ["b": "c"]], "word": "drücken", "flag": "🇩🇪e\u{301}x",
    "escaped": "admin%2F%foo", "utf8": "a%C3%BCb%F0%9F%98%80c", "last.name": "Doe", "Stra%C3%9Fe": "Grüner Weg",
    "ä": ["ö": "ü"], "42": "x",
  ]

  private func expand(_ template: String) throws -> String {
    try URITemplate(template).expand { Self.values[$0] }
  }

  private func check(_ cases: [(String, String)]) throws {
    for (template, expected) in cases { #expect(try expand(template) == expected, "\(template)") }
  }

  /// Section 1.2, levels 1 to 3.
  @Test func levels() throws {
    try check([
      ("{var}", "value"), ("{hello}", "Hello%20World%21"), ("{+var}", "value"), ("{+hello}", "Hello%20World!"),
      ("{+path}/here", "/foo/bar/here"), ("here?ref={+path}", "here?ref=/foo/bar"), ("X{#var}", "X#value"),
      ("X{#hello}", "X#Hello%20World!"), ("map?{x,y}", "map?1024,768"), ("{x,hello,y}", "1024,Hello%20World%21,768"),
      ("{+x,hello,y}", "1024,Hello%20World!,768"), ("{+path,x}/here", "/foo/bar,1024/here"),
      ("{#x,hello,y}", "#1024,Hello%20World!,768"), ("{#path,x}/here", "#/foo/bar,1024/here"), ("X{.var}", "X.value"),
      ("X{.x,y}", "X.1024.768"), ("{/var}", "/value"), ("{/var,x}/here", "/value/1024/here"),
      ("{;x,y}", ";x=1024;y=768"), ("{;x,y,empty}", ";x=1024;y=768;empty"), ("{?x,y}", "?x=1024&y=768"),
      ("{?x,y,empty}", "?x=1024&y=768&empty="), ("?fixed=yes{&x}", "?fixed=yes&x=1024"),
      ("{&x,y,empty}", "&x=1024&y=768&empty="),
    ])
  }

  /// Section 1.2, level 4, and the examples of section 2.4.
  @Test func level4() throws {
    try check([
      ("{var:3}", "val"), ("{var:30}", "value"), ("{list}", "red,green,blue"), ("{list*}", "red,green,blue"),
      ("{keys}", "semi,%3B,dot,.,comma,%2C"), ("{keys*}", "semi=%3B,dot=.,comma=%2C"),
      ("{+path:6}/here", "/foo/b/here"), ("{+list}", "red,green,blue"), ("{+list*}", "red,green,blue"),
      ("{+keys}", "semi,;,dot,.,comma,,"), ("{+keys*}", "semi=;,dot=.,comma=,"), ("{#path:6}/here", "#/foo/b/here"),
      ("{#list}", "#red,green,blue"), ("{#list*}", "#red,green,blue"), ("{#keys}", "#semi,;,dot,.,comma,,"),
      ("{#keys*}", "#semi=;,dot=.,comma=,"), ("X{.var:3}", "X.val"), ("X{.list}", "X.red,green,blue"),
      ("X{.list*}", "X.red.green.blue"), ("X{.keys}", "X.semi,%3B,dot,.,comma,%2C"),
      ("X{.keys*}", "X.semi=%3B.dot=..comma=%2C"), ("{/var:1,var}", "/v/value"), ("{/list}", "/red,green,blue"),
      ("{/list*}", "/red/green/blue"), ("{/list*,path:4}", "/red/green/blue/%2Ffoo"),
      ("{/keys}", "/semi,%3B,dot,.,comma,%2C"), ("{/keys*}", "/semi=%3B/dot=./comma=%2C"),
      ("{;hello:5}", ";hello=Hello"),
      ("{;list}", ";list=red,green,blue"), ("{;list*}", ";list=red;list=green;list=blue"),
      ("{;keys}", ";keys=semi,%3B,dot,.,comma,%2C"), ("{;keys*}", ";semi=%3B;dot=.;comma=%2C"),
      ("{?var:3}", "?var=val"),
      ("{?list}", "?list=red,green,blue"), ("{?list*}", "?list=red&list=green&list=blue"),
      ("{?keys}", "?keys=semi,%3B,dot,.,comma,%2C"), ("{?keys*}", "?semi=%3B&dot=.&comma=%2C"),
      ("{&var:3}", "&var=val"),
      ("{&list}", "&list=red,green,blue"), ("{&list*}", "&list=red&list=green&list=blue"),
      ("{&keys}", "&keys=semi,%3B,dot,.,comma,%2C"), ("{&keys*}", "&semi=%3B&dot=.&comma=%2C"),
    ])
    #expect(try URITemplate("{semi:2}").expand { $0 == "semi" ? ";" : nil } == "%3B")
    let address: JSON = ["city": "Newport Beach", "state": "CA"]
    #expect(try URITemplate("/mapper{?address*}").expand { _ in address } == "/mapper?city=Newport%20Beach&state=CA")
    let years: JSON = ["1965", "2000", "2012"]
    #expect(try URITemplate("find{?year*}").expand { _ in years } == "find?year=1965&year=2000&year=2012")
    #expect(try URITemplate("www{.dom*}").expand { Self.values[$0] } == "www.example.com")
  }

  /// Sections 3.2.1 to 3.2.5.
  @Test func simpleReservedFragmentLabel() throws {
    try check([
      ("{count}", "one,two,three"), ("{count*}", "one,two,three"), ("{/count}", "/one,two,three"),
      ("{/count*}", "/one/two/three"), ("{;count}", ";count=one,two,three"),
      ("{;count*}", ";count=one;count=two;count=three"), ("{?count}", "?count=one,two,three"),
      ("{?count*}", "?count=one&count=two&count=three"), ("{&count*}", "&count=one&count=two&count=three"),
      ("{half}", "50%25"), ("O{empty}X", "OX"), ("O{undef}X", "OX"), ("{x,y}", "1024,768"), ("?{x,empty}", "?1024,"),
      ("?{x,undef}", "?1024"), ("?{undef,y}", "?768"), ("{+half}", "50%25"),
      ("{base}index", "http%3A%2F%2Fexample.com%2Fhome%2Findex"), ("{+base}index", "http://example.com/home/index"),
      ("O{+empty}X", "OX"), ("O{+undef}X", "OX"), ("up{+path}{var}/here", "up/foo/barvalue/here"),
      ("{#var}", "#value"), ("{#hello}", "#Hello%20World!"), ("{#half}", "#50%25"), ("foo{#empty}", "foo#"),
      ("foo{#undef}", "foo"), ("{.who}", ".fred"), ("{.who,who}", ".fred.fred"), ("{.half,who}", ".50%25.fred"),
      ("www{.dom*}", "www.example.com"), ("X{.empty}", "X."), ("X{.undef}", "X"), ("X{.empty_keys}", "X"),
      ("X{.empty_keys*}", "X"),
    ])
  }

  /// Sections 3.2.6 to 3.2.9.
  @Test func pathParameterQuery() throws {
    try check([
      ("{/who}", "/fred"), ("{/who,who}", "/fred/fred"), ("{/half,who}", "/50%25/fred"),
      ("{/who,dub}", "/fred/me%2Ftoo"),
      ("{/var,empty}", "/value/"), ("{/var,undef}", "/value"), ("{;who}", ";who=fred"), ("{;half}", ";half=50%25"),
      ("{;empty}", ";empty"), ("{;v,empty,who}", ";v=6;empty;who=fred"), ("{;v,bar,who}", ";v=6;who=fred"),
      ("{;x,y,undef}", ";x=1024;y=768"), ("{?who}", "?who=fred"), ("{?half}", "?half=50%25"),
      ("{?x,y,undef}", "?x=1024&y=768"), ("{&who}", "&who=fred"), ("{&half}", "&half=50%25"),
      ("{&x,y,undef}", "&x=1024&y=768"),
    ])
  }

  @Test func whatJSONHasBesides() throws {
    try check([
      ("/set{?number,long,yes}", "/set?number=6&long=-122.4270&yes=true"), ("{long:4}", "-122"),
      ("{/empty_list}{?empty_list*}{nulls}{?nulls*}{;no_members}{&no_members*}", ""),
      ("{gaps}{?gaps*}", "a,2,false?gaps=a&gaps=2&gaps=false"), ("{?members*}", "?b="), ("{;members*}", ";b"),
      ("{members*}", "b="), ("{;members}", ";members=b,"), ("{nested}", "%7B%22a%22%3A1%7D,%5B1%2C2%5D"),
      ("{deep*}", "a=%7B%22b%22%3A%22c%22%7D"), ("{list:1}{keys:1}", "red,green,bluesemi,%3B,dot,.,comma,%2C"),
      ("{nothing}", ""), ("{42}", "x"),
    ])
  }

  @Test func escapesAndCharacters() throws {
    try check([
      ("/service{?word}", "/service?word=dr%C3%BCcken"), ("{word:3}", "dr%C3%BC"),
      // Code points, not what looks like one character.
      ("{flag:1}", "%F0%9F%87%A9"), ("{flag:3}", "%F0%9F%87%A9%F0%9F%87%AAe"), ("{escaped}", "admin%252F%25foo"),
      ("{+escaped}", "admin%2F%25foo"), ("{#escaped}", "#admin%2F%25foo"), ("{+escaped:6}", "admin%2F"),
      ("{escaped:6}", "admin%25"), ("{+utf8:2}", "a%C3%BC"), ("{+utf8:4}", "a%C3%BCb%F0%9F%98%80"),
      ("{last.name}", "Doe"), ("/lookup{?Stra%C3%9Fe}", "/lookup?Stra%C3%9Fe=Gr%C3%BCner%20Weg"),
      ("/ä b%41%4/{var}", "/%C3%A4%20b%41%254/value"),
    ])
    #expect(try URITemplate("{?x*}").expand { _ in ["ö": "ü"] } == "?%C3%B6=%C3%BC")
  }

  @Test(arguments: ["", "https://host/a?b=c#d", "not a URI at all \" <ä> %zz \u{0}", "/vars/:var", "a%20b"])
  func plainTextStaysAsItIs(text: String) throws {
    let template = try URITemplate(text)
    #expect(Array(template.expand { _ in "x" }.utf8) == Array(text.utf8))
    #expect(template.variables == [] && template.text == text)
  }

  /// As the workflow standard writes them.
  @Test func ofWorkflows() throws {
    #expect(try URITemplate("https://host/pet/{petId}").expand { _ in 10 } == "https://host/pet/10")
    let template = try URITemplate("https://host/pets?status={status}&tags={tags*}&again={status}{&page,tags}")
    #expect(template.variables == ["status", "tags", "page"])
    #expect(
      template.expand { ["status": "a&b", "tags": ["x", "y"]][$0] }
        == "https://host/pets?status=a%26b&tags=x,y&again=a%26b&tags=x,y")
  }

  @Test func whatIsRefusedSaysWhere() {
    let cases: [(String, URITemplateError.Code, Int)] = [
      ("{", .brace, 0), ("}", .brace, 0), ("é{/id*", .brace, 2), ("/id*}", .brace, 4), ("{a{b}}", .brace, 0),
      ("{a}}", .brace, 3), ("{}", .empty, 1), ("a{}", .empty, 2), ("{+}", .empty, 2), ("{a,}", .empty, 3),
      ("{,a}", .reservedOperator, 1), ("{a,,b}", .empty, 3), ("{!hello}", .reservedOperator, 1),
      ("{=path}", .reservedOperator, 1), ("{|var*}", .reservedOperator, 1), ("{@x}", .reservedOperator, 1),
      ("{/?id}", .name, 2), ("{??hello}", .name, 2), ("{$var}", .name, 1), ("{*keys?}", .name, 1),
      ("{~thing}", .name, 1),
      ("{default-graph-uri}", .name, 8), ("{?empty=default,var}", .name, 7), ("{-prefix|/-/|var}", .name, 1),
      ("x{?empty|foo=none}", .name, 8), ("/h{#hello+}", .name, 9), ("{?x, y}", .name, 4), ("{a..b}", .name, 2),
      ("{a.}", .name, 2), ("{..a}", .name, 2), ("{a%2}", .name, 2), ("{a%zz}", .name, 2), ("{ä}", .name, 1),
      ("{%2}F", .name, 1), ("{var:prefix}", .modifier, 4), ("{hello:2*}", .modifier, 6), ("{;keys:1*}", .modifier, 6),
      ("{a:0}", .modifier, 2), ("{a:01}", .modifier, 2), ("{a:10000}", .modifier, 2), ("{a:}", .modifier, 2),
      ("{a:-1}", .modifier, 2), ("{a**}", .modifier, 2), ("{a*:1}", .modifier, 2), ("{example:color?}", .modifier, 8),
    ]
    for (text, code, offset) in cases {
      let error = #expect(throws: URITemplateError.self, "\(text)") { try URITemplate(text) }
      #expect(error?.code == code && error?.offset == offset, "\(text): \(String(describing: error))")
    }
  }
}
