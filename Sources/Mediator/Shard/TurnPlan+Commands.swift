import Engine
import Safeguards
import Values

/// What operators ask for.
extension TurnPlan {
  mutating func apply(_ queued: QueuedCommand) {
    batch.commands.append(queued.number)
    guard !queued.isDone || !Safeguard.holds(.requestRecognised) else { return }
    let outcome = perform(queued.command)
    if case .refused = outcome { ignore(.refused) }
    guard Safeguard.holds(.commandAudited) else { return }
    batch.audit.append(AuditRow(command: queued.command, at: now, outcome: outcome))
  }

  /// Does away with a command whose outcome cannot be stored.
  mutating func refuse(_ queued: QueuedCommand, reason: String) {
    batch.commands.append(queued.number)
    guard !queued.isDone else { return }
    batch.audit.append(AuditRow(command: queued.command, at: now, outcome: .refused("it cannot be stored: \(reason)")))
  }

  private mutating func perform(_ command: OperatorCommand) -> AuditRow.Outcome {
    guard let instance = instances[command.instance], instance.shard == shard else {
      return .refused("there is no such instance")
    }
    guard let entry = catalog[instance.definition] else {
      return .refused("the definition number \(instance.definition) of the instance cannot be loaded")
    }
    do throws(CodingError) {
      switch try command.action() {
      case .operation(let operation): return operate(operation, on: instance, reason: command.reason)
      case .replay(let isLatest):
        return replay(instance, isLatest ? catalog.latest(of: entry.workflow) ?? entry : entry, command.request)
      case .migrate(let migration): return migrate(instance, migration, from: entry, reason: command.reason)
      }
    } catch {
      return .refused("this version of the mediator does not know it: \(error)")
    }
  }

  private mutating func operate(
    _ operation: Operation, on instance: StoredInstance, reason: String
  ) -> AuditRow.Outcome {
    // An instance that is opened again must not run beside another one with its order key.
    let isClosed = instance.state.status.isTerminal
    if isClosed, let order = instance.order, isHeld(order.key) {
      return .refused("another instance with the order key '\(order.key)' is open: wait for its end")
    }
    let disposition = step(instance.id) { engine, state, now in
      engine.operate(operation, reason: reason, state: &state, now: now)
    }
    switch disposition {
    case .applied:
      if let order = instance.order {
        if isClosed { heldOrderKeys.insert(order.key) }
        // Its turn may have come while it was suspended.
        if instances[instance.id]?.state.status == .pending { batch.releasedOrderKeys.insert(order.key) }
      }
      return .applied(result: nil)
    case .ignored(let why): return .refused("the instance did not take it (\(why.rawValue))")
    case .refused(let why): return .refused(why)
    }
  }

  private mutating func migrate(
    _ instance: StoredInstance, _ migration: MigrationRequest, from entry: DefinitionCatalog.Entry, reason: String
  ) -> AuditRow.Outcome {
    guard let target = catalog.entry(entry.workflow, version: migration.version) else {
      // It may have been deployed a moment ago.
      unknownWorkflows.insert(entry.workflow)
      return .refused("\(entry.workflow) has no version \(migration.version): deploy it first")
    }
    let disposition = step(instance.id, to: target) { engine, state, now in
      engine.migrate(migration, to: target.engine, reason: reason, state: &state, now: now)
    }
    switch disposition {
    case .applied: return .applied(result: nil)
    case .ignored(let why): return .refused("the instance did not take it (\(why.rawValue))")
    case .refused(let why): return .refused(why)
    }
  }

  private mutating func replay(
    _ instance: StoredInstance, _ entry: DefinitionCatalog.Entry, _ request: UUIDValue
  ) -> AuditRow.Outcome {
    let id = OperatorCommand.replayID(request)
    if instances[id] == nil {
      begin(
        entry, id: id, input: instance.state.input, key: instance.key, eventID: instance.eventID,
        eventSource: instance.eventSource, orderKey: instance.order?.key)
    }
    return .applied(result: id)
  }
}
