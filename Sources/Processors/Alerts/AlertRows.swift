import Postgres
import Values

/// The statements of the alerts processor.
enum AlertRows {
  struct Row: Sendable {
    let reading: AlertReading
    let idempotencyKey: String
    let transition: AlertTransition
  }

  /// The states of these equipments, locked until the end of the transaction. Members that judge the same equipment at
  /// the same time (its events come on several partitions) wait for each other here.
  ///
  /// - Parameter equipments: sorted, so that two members lock them in the same order.
  static func lock(
    _ equipments: [String], in transaction: BatchTransaction
  ) async throws(PostgresError) -> [String: EquipmentState] {
    // The states are asked for by a statement of their own: it sees what was committed while the locks were waited for.
    let statements = [
      PostgresStatement(
        """
        select equipment, time, sequence from alert_readings where equipment = any($1) order by equipment for update
        """, [.texts(equipments)]),
      PostgresStatement(
        "select equipment, rule from alert_state where equipment = any($1) and state = 'raised'",
        [.texts(equipments)]),
    ]
    var results = try await transaction.run(statements)
    if results[0].count < equipments.count {
      let insert = PostgresStatement(
        "insert into alert_readings (equipment) select unnest($1::text[]) on conflict do nothing",
        [.texts(equipments)])
      results = Array(try await transaction.run([insert] + statements).dropFirst())
    }
    var states: [String: EquipmentState] = [:]
    for row in results[0] {
      var state = EquipmentState()
      if let time = try row.optionalTimestamp(1) {
        state.position = ReadingPosition(
          time: Timestamp(microseconds: time), sequence: try row.optionalInt64(2) ?? 0)
      }
      states[try row.text(0)] = state
    }
    for row in results[1] { states[try row.text(0)]?.raised.insert(try row.text(1)) }
    return states
  }

  static func save(
    _ states: [String: EquipmentState], before: [String: EquipmentState], _ rows: [Row]
  ) -> [PostgresStatement] {
    var statements: [PostgresStatement] = []
    let moved = states.filter { $0.value.position != before[$0.key]?.position }
    if !moved.isEmpty { statements.append(savePositions(moved)) }
    guard !rows.isEmpty else { return statements }
    statements.append(saveStates(rows))
    statements.append(insertHistory(rows))
    return statements
  }

  private static func savePositions(_ states: [String: EquipmentState]) -> PostgresStatement {
    let entries = Array(states)
    return PostgresStatement(
      """
      update alert_readings r set time = u.time, sequence = u.sequence
        from unnest($1::text[], $2::timestamptz[], $3::bigint[]) as u(equipment, time, sequence)
       where r.equipment = u.equipment
      """,
      [
        .texts(entries.map(\.key)), .timestamps(entries.map { $0.value.position?.time.microseconds }),
        .int8s(entries.map { $0.value.position?.sequence }),
      ])
  }

  /// Only the last transition of each rule and equipment counts.
  private static func saveStates(_ rows: [Row]) -> PostgresStatement {
    struct Key: Hashable {
      let equipment: String
      let rule: String
    }
    var last: [Key: Row] = [:]
    for row in rows { last[Key(equipment: row.reading.equipment, rule: row.transition.rule)] = row }
    let final = Array(last.values)
    return PostgresStatement(
      """
      insert into alert_state (equipment, rule, state, value, time)
      select * from unnest($1::text[], $2::text[], $3::text[], $4::json[], $5::timestamptz[])
      on conflict (equipment, rule) do update set state = excluded.state, value = excluded.value, time = excluded.time
      """,
      [
        .texts(final.map(\.reading.equipment)), .texts(final.map(\.transition.rule)),
        .texts(final.map(\.transition.state)), .jsons(final.map { $0.transition.value.serialized() }),
        .timestamps(final.map { $0.reading.position?.time.microseconds }),
      ])
  }

  private static func insertHistory(_ rows: [Row]) -> PostgresStatement {
    PostgresStatement(
      """
      insert into alerts
        (equipment, rule, state, severity, value, threshold, message, time, sequence, idempotency_key)
      select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::json[], $6::json[], $7::text[],
                           $8::timestamptz[], $9::bigint[], $10::text[])
      """,
      [
        .texts(rows.map(\.reading.equipment)), .texts(rows.map(\.transition.rule)),
        .texts(rows.map(\.transition.state)), .texts(rows.map(\.transition.severity)),
        .jsons(rows.map { $0.transition.value.serialized() }),
        .jsons(rows.map { $0.transition.threshold.serialized() }), .texts(rows.map(\.transition.message)),
        .timestamps(rows.map { $0.reading.position?.time.microseconds }),
        .int8s(rows.map { $0.reading.position?.sequence }), .texts(rows.map(\.idempotencyKey)),
      ])
  }
}
