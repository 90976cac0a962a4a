-- What operators ask for, and what became of it.

-- Commands on their way to the shard that owns the instance. A row goes in the transaction that applies or refuses it.
create table commands (
  number       bigint primary key generated always as identity,
  request      uuid not null unique,
  shard        integer not null,
  instance     uuid not null,
  verb         text not null,
  arguments    json not null,
  author       text not null,
  reason       text not null,
  requested_at timestamptz not null default clock_timestamp()
);
create index commands_shard on commands (shard, number);

-- Who did what to which instance, when and why, and what came of it. Rows are only ever added.
create table audit (
  request      uuid primary key,
  shard        integer not null,
  instance     uuid not null,
  verb         text not null,
  arguments    json not null,
  author       text not null,
  reason       text not null,
  requested_at timestamptz not null,
  applied_at   timestamptz not null,
  outcome      text not null check (outcome in ('applied', 'refused')),
  detail       text not null,
  -- The instance that a replay has started.
  result       uuid
);
create index audit_instance on audit (instance, applied_at);
create index audit_applied on audit (applied_at);

create function audit_is_final() returns trigger language plpgsql as $$
begin
  raise exception 'the audit table is only ever added to' using errcode = 'MD003';
end $$;

create trigger audit_is_final before update or delete or truncate on audit
  for each statement execute function audit_is_final();
