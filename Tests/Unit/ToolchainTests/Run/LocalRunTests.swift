import Engine
import Testing
import Toolchain
import Values

@Suite struct LocalRunTests {
  @Test func aWaitOfTwoDaysTakesNoTime() async throws {
    let began = ContinuousClock.now
    let result = try await run("do: [{sleep: {wait: PT48H}}, {say: {set: {done: true}}}]")
    #expect(result.status == .completed)
    #expect(result.output == ["done": true])
    #expect(result.duration == .seconds(172_800))
    #expect(began.duration(to: .now) < .seconds(5))
    #expect(result.instances[0].tasks.items[0].endedAt == LocalRun.defaultStart + .seconds(172_800))
  }

  @Test func callsAreAnsweredByChannelNameAndReference() async throws {
    let result = try await run(
      """
      do:
        - one: {call: shop, with: {n: 1}, output: {as: "${ {one: .} }"}}
        - two: {call: shop, with: {n: 2}, output: {as: "${ $input + {two: .} }"}}
        - three: {call: shop, with: {n: 3}, output: {as: "${ $input + {three: .} }"}}
      """,
      mocks: """
        calls:
          shop: {reply: "${ .n }"}
          two: {reply: by name}
          /do/2/three: {reply: "${ [$task, $channel, $attempt, $reference] }"}
        """)
    #expect(result.output == ["one": 1, "two": "by name", "three": ["three", "shop", 1, "/do/2/three"]])
    #expect(result.calls.map(\.data) == [["n": 1], ["n": 2], ["n": 3]])
  }

  @Test func failuresAreRetriedOnTheVirtualClock() async throws {
    let result = try await run(
      "do: [{store: {call: persistence}}]",
      mocks: """
        calls:
          persistence:
            - fail: {status: 503, title: busy, retryable: true}
              times: 2
            - after: PT5S
              reply: {inserted: 1}
        """)
    #expect(result.brief == ["store completed 3"])
    #expect(result.duration == .seconds(1 + 2 + 5))
    #expect(result.calls.map(\.attempts) == [3])
  }

  @Test func aFailureThatIsNotRetriedFaults() async throws {
    let result = try await run(
      "do: [{store: {call: persistence}}]",
      mocks: "calls: {persistence: {fail: {type: validation, status: 400, title: 'no such table'}}}")
    #expect(result.status == .faulted)
    #expect(
      result.error?.json == [
        "type": "https://serverlessworkflow.io/spec/1.0.0/errors/validation", "status": 400, "title": "no such table",
        "instance": "/do/0/store",
      ])
    #expect(result.brief == ["store faulted 1"])
  }

  @Test func aCallThatNothingAnswersLeavesTheRunWaiting() async throws {
    let result = try await run(
      "timeout: {after: PT10M}\ndo: [{tell: {call: telegram, with: {text: hello}}}]",
      mocks: "calls: {persistence: {reply: 1}}")
    #expect(result.status == .waiting)
    #expect(result.obstacles.map(\.reference) == ["/do/0/tell"])
    #expect(
      result.obstacles.first?.detail
        == "call on channel 'telegram': no mock answers it (there are mocks for: persistence)")
    #expect(result.json["status"] == "waiting")
    #expect(result.json["error"] == .null)
    // Its timeouts say nothing about the workflow.
    #expect(result.duration == .zero)
  }

  @Test func theOtherBranchGoesOn() async throws {
    let result = try await run(
      """
      do:
        - both:
            fork:
              branches:
                - forgotten: {call: nowhere}
                - sleep: {do: [{first: {wait: PT1M}}, {then: {set: {a: 1}}}]}
      """)
    #expect(result.status == .waiting)
    #expect(result.brief.contains("then completed 1"))
  }

  @Test func silenceLetsTimeoutsStrike() async throws {
    let result = try await run(
      """
      do:
        - careful:
            try: [{ask: {call: oracle, timeout: {after: PT30S}}}]
            catch: {errors: {with: {status: 408}}, do: [{note: {set: {late: true}}}]}
      """, mocks: "calls: {oracle: {silent: true}}")
    #expect(result.output == ["late": true])
    #expect(result.duration == .seconds(30))
  }

  @Test func conditionsChooseAnAnswer() async throws {
    let text = """
      calls:
        shop:
          - {when: .n > 5, fail: {status: 409}}
          - {reply: first}
          - {reply: later}
      """
    let tasks = "{call: shop, with: {n: 1}}"
    let result = try await run(
      "do: [{a: \(tasks)}, {b: {call: shop, with: {n: 2}}}, {c: {call: shop, with: {n: 3}}}, {d: {call: shop, with: {n: 9}}}]",
      mocks: text)
    #expect(result.status == .faulted)
    #expect(result.error?.status == 409)
    let outputs = result.records.compactMap { record -> JSON? in
      if case .journal(.taskCompleted(_, _, let output)) = record.fact { output } else { nil }
    }
    #expect(outputs == ["first", "later", "later"])
  }

  @Test func answersThatAreUsedUpAreTold() async throws {
    let result = try await run(
      "do: [{a: {call: shop}}, {b: {call: shop}}]", mocks: "calls: {shop: {reply: 1, times: 1}}")
    #expect(result.status == .waiting)
    #expect(result.obstacles.first?.detail.contains("the mocks for 'shop' have no answer left") == true)
  }

  @Test func aTryCountsItsRounds() async throws {
    let result = try await run(
      """
      do:
        - careful:
            try: [{ask: {call: oracle}}]
            catch: {retry: {delay: PT10S, limit: {attempt: {count: 3}}}}
      """,
      mocks: "calls: {oracle: [{fail: {status: 500}, times: 2}, {reply: yes}]}")
    #expect(result.brief.first == "careful completed 3")
    #expect(result.brief.last == "ask completed 1")
    #expect(result.brief.count == 4)
    #expect(result.duration == .seconds(20))
  }

  @Test func anEndlessLoopIsGivenUp() async throws {
    let definition = try runnable("do: [{sleep: {wait: PT1S}}, {again: {set: {a: 1}, then: sleep}}]")
    var result = LocalRun(definition, input: [:], maxMoments: 500)
    #expect(result.advance() == .ended)
    #expect(result.isEndless)
    #expect(result.status == .waiting)
  }

  @Test func aCancellationIsOnTheClock() async throws {
    let result = try await run(
      "do: [{sleep: {wait: PT1H}}]", mocks: "cancel: {at: PT10M, reason: enough}")
    #expect(result.status == .cancelled)
    #expect(result.duration == .seconds(600))
    #expect(result.brief == ["sleep cancelled 1"])
  }

  @Test func secretsGoOutAndAreNotShown() async throws {
    let result = try await run(
      """
      use: {secrets: [token]}
      do: [{ask: {call: oracle, with: {auth: "${ \\"Bearer \\\\($secrets.token)\\" }"}}}]
      """,
      mocks: "secrets: {token: s3cret}\ncalls: {oracle: {reply: {ok: true}}}")
    #expect(result.calls.first?.data == ["auth": "Bearer s3cret"])
    #expect(!result.json.text.contains("s3cret"))
    #expect(!"\(result.records)".contains("s3cret"))
  }

  @Test func anAnswerThatRepeatsASecretDoesNotShowIt() async throws {
    let result = try await run(
      """
      use: {secrets: [token]}
      do:
        - ask: {call: oracle, with: {auth: "${ $secrets.token }"}}
        - again: {call: http, with: {method: get, endpoint: "https://a.example/{token}"}, input: {from: "${ {token: .auth} }"}}
      """,
      mocks: """
        secrets: {token: s3cret/key}
        calls: {oracle: {reply: "${ {auth: .auth} }"}}
        http: {"GET https://a.example/s3cret%2Fkey": {body: {uri: "${ .uri }"}}}
        """)
    #expect(result.status == .completed, "\(result.json.pretty())")
    #expect(
      result.calls.map { $0.data["auth"] ?? $0.data["endpoint"] } == ["s3cret/key", "https://a.example/s3cret%2Fkey"])
    #expect(!"\(result.records)".contains("s3cret/key"))
  }

  @Test func theJSONHasWhatScriptsAskFor() async throws {
    let result = try await run(
      "do: [{skipped: {if: 'false', set: {a: 1}}, }, {kept: {set: {a: 2}}}]")
    #expect(result.json["tasks"]?.array?.map { $0["name"] ?? .null } == ["skipped", "kept"])
    #expect(
      result.json["tasks"]?[1] == [
        "name": "kept", "reference": "/do/1/kept", "status": "completed", "attempts": 1,
        "startedAt": "2026-01-01T00:00:00.000Z", "endedAt": "2026-01-01T00:00:00.000Z",
      ])
    #expect(result.json["tasks"]?[0]?["status"] == "skipped")
  }

  @Test func aThousandCallsAreDoneInReasonableTime() async throws {
    let began = ContinuousClock.now
    let result = try await run(
      "do: [{loop: {for: {in: '[range(1000)]'}, do: [{ask: {call: oracle}}]}}]",
      mocks: "calls: {oracle: {reply: {a: 1}}}")
    #expect(result.status == .completed)
    #expect(result.calls.count == 1_000)
    #expect(began.duration(to: .now) < .seconds(20))
  }
}
