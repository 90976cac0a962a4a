import Postgres
import Testing

@Suite struct ConfigurationTests {
  @Test(arguments: [
    ("postgres://ann:s3cretpw@db.example:5433/orders?sslmode=require", "postgres://ann@db.example:5433/orders"),
    ("postgres://ann:#a?b&c@[::1]:5433/orders?options=-cx%3Da@b", "postgres://ann@::1:5433/orders"),
    ("postgresql://ann@db.example/orders", "postgres://ann@db.example/orders"),
    ("postgres://ann:p%40s%2Fs@h/orders", "postgres://ann@h/orders"),
    (
      "host=db.example port=5433 user=ann password=s3cretpw dbname=orders",
      "postgres://ann@db.example:5433/orders"
    ),
    ("postgres:///orders?host=/run/postgresql", "postgres:///run/postgresql/orders"),
  ])
  func understandsBothForms(text: String, shown: String) throws {
    let configuration = try PostgresConfiguration(text)
    #expect("\(configuration)" == shown)
  }

  @Test func neverShowsThePassword() throws {
    let configuration = try PostgresConfiguration("postgres://ann:s3cretpw@h/d?sslpassword=othersecret")
    var dumped = ""
    dump(configuration, to: &dumped)
    for text in ["\(configuration)", String(reflecting: configuration), "\([configuration])", dumped] {
      #expect(!text.contains("s3cretpw"))
      #expect(!text.contains("othersecret"))
    }
  }

  /// Each has `hunter2x` where it would end up in the wrong field.
  @Test(arguments: [
    "postgres://ann:hun@hunter2x@h/d", "postgres://ann:12/hunter2x@h/d", "postgres://ann:hunter2x/y@h/d",
    "postgres://ann:hunter2x%zz@h/d", "postgres://h:hunter2x/d", "hunter2x", "password hunter2x",
    "host=h passwort=hunter2x", "mysql://ann:hunter2x@h/d", "postgres://ann:#?@hunter2x@h/d",
    "postgres://ann@h/d?hunter2x", "host=h port=hunter2x", "password='hunter2x",
  ])
  func refusesWithoutRepeating(text: String) throws {
    let error = #expect(throws: PostgresError.self) { try PostgresConfiguration(text) }
    #expect(error?.code == .configuration)
    #expect(error.map { !"\($0)".contains("hunter2x") } == true)
  }

  @Test(arguments: ["", "  \n"]) func refusesNothing(text: String) {
    #expect(throws: PostgresError.self) { try PostgresConfiguration(text) }
  }

  @Test func takesTheConnectTimeout() throws {
    #expect(try PostgresConfiguration("host=h connect_timeout=3").connectTimeout == .seconds(3))
    #expect(try PostgresConfiguration("host=h").connectTimeout == .seconds(5))
  }
}
