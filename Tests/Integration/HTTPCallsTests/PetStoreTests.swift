import HTTP
import HTTPCalls
import TestSupport
import Testing
import Values

/// The calls of the conformance kit's scenarios (DSL 1.0.3, ctk/features/call.feature, try.feature), against a server
/// of our own.
@Suite struct PetStoreTests {
  @Test func contentOutput() async throws {
    let store = try await PetStore()
    let outcome = try await caller().perform(get("\(store.url)/v2/pet/findByStatus?status=available"))
    #expect(outcome.output?[0] == ["id": 1, "name": "Milou", "status": "available"])
    #expect(outcome.output?.array?.count == 2)
    await store.stop()
  }

  @Test func responseOutput() async throws {
    let store = try await PetStore()
    let output = try await caller().perform(get("\(store.url)/v2/pet/1", ["output": "response"])).output
    #expect(output?["request"]?["method"] == "get")
    #expect(output?["request"]?["uri"] == .string("\(store.url)/v2/pet/1"))
    #expect(output?["request"]?["headers"] == [:])
    #expect(output?["statusCode"] == 200)
    #expect(output?["headers"]?["Content-Type"] == "application/json")
    #expect(output?["content"]?["name"] == "Milou")
    await store.stop()
  }

  @Test func basicAuthentication() async throws {
    let store = try await PetStore()
    func login(_ password: JSON) async throws -> CallOutcome {
      let basic: JSON = ["basic": ["username": "serverless-workflow", "password": password]]
      let uri = "\(store.url)/basic-auth/serverless-workflow/conformance-test"
      return try await caller().perform(
        ["method": "get", "endpoint": ["uri": .string(uri), "authentication": basic], "output": "response"])
    }
    let outcome = try await login("conformance-test")
    #expect(outcome.output?["content"] == ["authenticated": true, "user": "serverless-workflow"])
    #expect(outcome.output?["request"]?["headers"] == [:])
    let wrong = try await login("wr0ng")
    #expect(wrong.problem?.status == 401)
    #expect(wrong.problem?.detail?.contains("wr0ng") == false)
    await store.stop()
  }

  @Test func openAPIWithContentAndResponse() async throws {
    let store = try await PetStore()
    let calls = try caller()
    func call(_ operation: JSON, _ parameters: JSON, _ more: JSONObject = [:]) async -> CallOutcome {
      var members: JSONObject = [
        "document": ["endpoint": .string(store.documentURL)], "operationId": operation, "parameters": parameters,
      ]
      for (name, value) in more { members[name] = value }
      return await calls.perform(.object(members))
    }
    #expect(await call("findPetsByStatus", ["status": "available"]).output?.array?.count == 2)
    #expect(await call("findPetsByStatus", ["status": ["available", "pending"]]).output?.array?.count == 3)
    let response = await call("getPetById", ["petId": 1], ["output": "response"]).output
    #expect(response?["statusCode"] == 200)
    #expect(response?["content"] == ["id": 1, "name": "Milou", "status": "available"])
    #expect(await call("addPet", ["name": "Rex"]).output == ["name": "Rex"])
    #expect(await call("getPetByID", ["petId": 1]).problem?.detail?.contains("did you mean 'getPetById'?") == true)
    #expect(await call("getPetById", [:]).problem?.detail?.contains("lacks 'petId'") == true)
    #expect(store.requests.count { $0.path == "/v2/swagger.json" } == 1)
    await store.stop()
  }

  @Test func aPetThatIsNotThere() async throws {
    let store = try await PetStore()
    let outcome = try await caller().perform(get("\(store.url)/v2/pet/getPetByName/Milou"))
    #expect(outcome.problem?.type == "https://serverlessworkflow.io/spec/1.0.0/errors/communication")
    #expect(outcome.problem?.status == 404)
    #expect(outcome.problem?.title == "Not Found")
    #expect(outcome.problem?.detail?.contains("Pet not found") == true)
    #expect(!outcome.isRetryable)
    await store.stop()
  }
}
