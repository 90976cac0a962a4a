-- What operators decided about halted partitions: where they are read on. The newest row of a partition ends the halts
-- that were found before it.
create table position_decisions (
  -- Of one partition in the order of the decisions: who decides has locked the row of its shard.
  number    bigint primary key generated always as identity,
  topic     text not null,
  partition integer not null,
  shard     integer not null,
  -- The epoch that the shard has had since: what owners of a former one read on is not written any more.
  epoch     bigint not null,
  -- Where it was to be read on, and where it is now; null: from the first record that the broker has.
  former    bigint,
  position  bigint,
  -- Why it was halted.
  halt      text not null,
  at        timestamptz not null default clock_timestamp(),
  author    text not null,
  reason    text not null
);
create index position_decisions_partition on position_decisions (topic, partition, number);

create function position_decisions_are_final() returns trigger language plpgsql as $$
begin
  raise exception 'position decisions are only ever added to' using errcode = 'MD003';
end $$;
create trigger position_decisions_are_final before update or delete or truncate on position_decisions
  for each statement execute function position_decisions_are_final();

-- The newest decision about the partition that the mediator knew of when it halted it: a later one ends the halt, also
-- for a mediator that has not heard of it yet.
alter table halted_partitions add column decision bigint not null default 0;
