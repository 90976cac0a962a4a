-- What the mediator keeps. Event data is json, never jsonb: jsonb refuses \u0000 and reorders keys.

-- The number of shards is fixed at the first start: instances belong to a shard for life.
create table cluster (
  singleton  boolean primary key default true check (singleton),
  shards     integer not null check (shards > 0),
  created_at timestamptz not null default now()
);

create table mediators (
  id         text primary key,
  started_at timestamptz not null default now(),
  seen_at    timestamptz not null default now()
);

-- Ownership: who may write for a shard (owner, epoch, until when), and how far its journal is published.
create table shards (
  shard        integer primary key,
  owner        text,
  epoch        bigint not null default 0,
  expires_at   timestamptz not null default '-infinity',
  batch        bigint not null default 0,
  journal_head bigint not null default 0,
  publish_mark bigint not null default 0
) with (fillfactor = 20);

-- The next offset of each source partition, with what the record before it looked like: a topic that was deleted and
-- created again must be noticed, not read from a place that means nothing in it.
create table positions (
  topic     text not null,
  partition integer not null,
  position  bigint not null,
  timestamp bigint not null,
  checksum  bigint not null,
  primary key (topic, partition)
) with (fillfactor = 20);

-- Deployed versions are immutable; the number is what instances point to.
create table definitions (
  number      integer primary key generated always as identity,
  namespace   text not null,
  name        text not null,
  version     text not null,
  digest      text not null,
  source      text not null,
  file        text not null,
  deployed_at timestamptz not null default now(),
  unique (namespace, name, version)
);

create table instances (
  id         uuid primary key,
  shard      integer not null,
  definition integer not null references definitions,
  key        bytea,
  event_id   text,
  event_source text,
  status     text not null,
  started_at timestamptz not null,
  updated_at timestamptz not null,
  ended_at   timestamptz,
  wake_at    timestamptz,
  input      json not null,
  state      json,
  output     json,
  error      json
) with (fillfactor = 70);
create index instances_started on instances (started_at);
-- Timers: what the owner of a shard has to wake, and when.
create index instances_wake on instances (shard, wake_at) where wake_at is not null;
create index instances_open on instances (shard) where ended_at is null;

-- What happened, one row per step; at the same time the outbox: rows above the shard's publish mark go out (again).
create table journal (
  shard    integer not null,
  sequence bigint not null,
  instance uuid not null,
  at       timestamptz not null,
  requests integer not null,
  entries  json not null,
  primary key (shard, sequence)
);
create index journal_instance on journal (instance);

create table dead_letters (
  shard      integer not null,
  sequence   bigint not null,
  topic      text not null,
  partition  integer not null,
  "offset"   bigint not null,
  timestamp  bigint not null,
  key        bytea,
  value      bytea,
  headers    bytea not null,
  reason     text not null,
  detail     text not null,
  attempts   integer not null default 1,
  created_at timestamptz not null default now(),
  primary key (shard, sequence)
);
create index dead_letters_created on dead_letters (created_at);

-- Replies that arrived on another shard's partition, on their way to the right one.
create table forwarded_replies (
  shard     integer not null,
  sequence  bigint not null,
  partition integer not null,
  key       bytea,
  value     bytea,
  headers   bytea not null,
  primary key (shard, sequence)
);

-- The first statement of every transaction that writes for a shard. It locks the shard's row, so a takeover waits for
-- the transaction's end, and it fails when the epoch has moved on, so a former owner can commit nothing.
create function fence(
  p_shard integer, p_epoch bigint, p_batch bigint, p_head bigint, p_mark bigint, p_lease_ms bigint
) returns void language plpgsql as $$
begin
  update shards
     set batch = p_batch, journal_head = p_head, publish_mark = greatest(publish_mark, p_mark),
         expires_at = clock_timestamp() + p_lease_ms * interval '1 millisecond'
   where shard = p_shard and epoch = p_epoch;
  if not found then
    raise exception 'shard % is no longer owned in epoch %', p_shard, p_epoch using errcode = 'MD001';
  end if;
end $$;

-- A lease lives on without a batch, and the publish mark with it.
create function renew(p_shard integer, p_epoch bigint, p_mark bigint, p_lease_ms bigint)
returns void language plpgsql as $$
begin
  update shards
     set publish_mark = greatest(publish_mark, p_mark),
         expires_at = clock_timestamp() + p_lease_ms * interval '1 millisecond'
   where shard = p_shard and epoch = p_epoch;
  if not found then
    raise exception 'shard % is no longer owned in epoch %', p_shard, p_epoch using errcode = 'MD001';
  end if;
end $$;
