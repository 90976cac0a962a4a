-- What tells why something makes no progress.

-- Open instances that no timer wakes: suspended, pending, listening without a timeout, waiting for a child, or forgotten.
-- Only few rows are in it: calls, retries and waits have a timer.
create index instances_unattended on instances (shard, started_at, id) where ended_at is null and wake_at is null;

-- Partitions that a mediator reads no more. A row counts for as long as its mediator lives.
create table halted_partitions (
  mediator  text not null,
  topic     text not null,
  partition integer not null,
  reason    text not null,
  since     timestamptz not null default now(),
  primary key (mediator, topic, partition)
);

-- Suspended instances, and open ones that another one started.
create index instances_suspended on instances (started_at) where status = 'suspended';
create index instances_children on instances (shard, started_at, id) where parent is not null and ended_at is null;
