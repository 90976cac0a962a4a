-- Limits of calls under way, per channel and per workflow.

-- How many calls of a shard's instances are under way, and how many wait, by version and channel. Written in the
-- transaction that writes the instances' states.
create table channel_loads (
  shard      integer not null,
  definition integer not null,
  channel    text not null,
  in_flight  bigint not null,
  queued     bigint not null,
  primary key (shard, definition, channel)
) with (fillfactor = 20);

-- Calls that wait for room on their channel. They stand in their instances' states too; this is the order in which they
-- go out.
create table queued_calls (
  instance   uuid not null,
  activity   integer not null,
  shard      integer not null,
  definition integer not null,
  channel    text not null,
  place      bigint not null generated always as identity,
  primary key (instance, activity)
);
create index queued_calls_order on queued_calls (shard, definition, channel, place);

-- What is under way already.
insert into channel_loads (shard, definition, channel, in_flight, queued)
select i.shard, i.definition, a.activity->'call'->>'channel', count(*), 0
  from instances i cross join lateral json_array_elements(i.state->'activities') as a(activity)
 where i.ended_at is null and i.state is not null
   and a.activity->'call' is not null and a.activity->'retryAt' is null
   and a.activity->'call'->>'answered' is distinct from 'true'
 group by 1, 2, 3;
