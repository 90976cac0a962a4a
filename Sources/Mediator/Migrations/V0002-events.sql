-- Events that instances listen to, what waits for them, and what one shard tells another.

alter table cluster add column seal text not null default replace(gen_random_uuid()::text, '-', '');

-- An instance that another one started; an instance that runs only after those before it with the same key.
alter table instances
  add column parent      uuid,
  add column order_key   text,
  add column order_place bigint;
create index instances_parent on instances (parent) where parent is not null;
create index instances_order on instances (shard, order_key, order_place) where order_key is not null and ended_at is null;

-- What an open instance listens to: the event type and the values to correlate by, as one text.
create table waits (
  instance uuid not null,
  activity integer not null,
  filter   integer not null,
  shard    integer not null,
  type     text not null,
  key      text not null,
  primary key (instance, activity, filter)
);
create index waits_key on waits (key);

-- Events that somebody may listen to, as the records they came in. One that nobody has consumed is kept until it
-- expires; the row of a consumed one stays as long, so that a duplicate is known.
create table events (
  number     bigint primary key generated always as identity,
  source     text not null,
  id         text not null,
  shard      integer not null,
  topic      text not null,
  partition  integer not null,
  "offset"   bigint not null,
  timestamp  bigint not null,
  key        bytea,
  value      bytea,
  headers    bytea not null,
  keys       text[] not null,
  consumed   boolean not null default false,
  -- Something came of it, so that its expiry is nothing to tell.
  used       boolean not null default false,
  expires_at timestamptz not null,
  unique (source, id)
);
create index events_keys on events using gin (keys) where not consumed;
create index events_expiry on events (shard, expires_at);

-- What a shard has to do that another one (or itself, in another transaction) found out: an event for a listening
-- instance, an event to start a workflow in its turn, an event to collect.
create table inbox (
  number   bigint primary key generated always as identity,
  shard    integer not null,
  kind     text not null,
  instance uuid,
  workflow text,
  event    bigint not null
);
create index inbox_shard on inbox (shard, number);
create index inbox_event on inbox (event);
create unique index inbox_once on inbox (coalesce(instance::text, workflow), event);

-- Events on their way to start a workflow that needs several of them.
create table collected (
  workflow    text not null,
  correlation text not null,
  filter      integer not null,
  number      bigint not null,
  event       json not null,
  primary key (workflow, correlation, filter, number)
);

-- When a workflow starts by itself the next time; nil while an instance runs after whose end it does.
create table schedules (
  workflow   text primary key,
  shard      integer not null,
  definition integer not null,
  next_at    timestamptz
);
create index schedules_due on schedules (shard, next_at);

-- Those who insert events and those who insert waits of one type take turns, so that an event and a listener that
-- arrive at the same moment cannot miss each other.
create function take_turns(p_types text[]) returns void language plpgsql as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('mediator.events.' || type, 0))
     from (select distinct unnest(p_types) as type order by 1) as types;
end $$;

-- Removes events whose time is over. What was found out about them was read before this transaction: should one be
-- wanted after all, or have been taken meanwhile, nothing may be told of its expiry.
create function expire_events(p_numbers bigint[], p_unused boolean[]) returns void language plpgsql as $$
declare
  removed integer;
begin
  delete from events e using unnest(p_numbers, p_unused) as x(number, unused)
   where e.number = x.number and not (x.unused and e.used)
     and not exists (select from inbox i where i.event = e.number);
  get diagnostics removed = row_count;
  if removed < cardinality(p_numbers) then
    raise exception 'an event that was to expire is wanted after all' using errcode = 'MD002';
  end if;
end $$;
