-- What is over leaves in small deletes, and its space is used again.

-- Ended instances in the order of their end.
create index instances_ended on instances (shard, ended_at) where ended_at is not null;

-- Events that are collected expire like others: by the shard that collects them.
alter table collected add column shard integer, add column expires_at timestamptz;

-- The home shard of a workflow, as the mediator computes it: FNV-1a with 64 bits.
create function pg_temp.shard_home(p_text text, p_shards integer) returns integer language plpgsql as $$
declare
  hash numeric := 14695981039346656037;
  bytes bytea := convert_to(p_text, 'UTF8');
  low integer;
begin
  for place in 0 .. length(bytes) - 1 loop
    low := (hash % 256)::integer;
    hash := ((hash - low + (low # get_byte(bytes, place))) * 1099511628211) % 18446744073709551616;
  end loop;
  return (hash % p_shards)::integer;
end $$;

update collected c
   set shard = pg_temp.shard_home(c.workflow, (select shards from cluster)),
       expires_at = coalesce((select e.expires_at from events e where e.number = c.number), now() + interval '1 day');

alter table collected alter column shard set not null, alter column expires_at set not null;
create index collected_expiry on collected (shard, expires_at);
create index collected_number on collected (number);

-- An event stays as long as it is collected: its record is what becomes a dead letter.
create or replace function expire_events(p_numbers bigint[], p_unused boolean[]) returns void language plpgsql as $$
declare
  removed integer;
begin
  delete from events e using unnest(p_numbers, p_unused) as x(number, unused)
   where e.number = x.number and not (x.unused and e.used)
     and not exists (select from inbox i where i.event = e.number)
     and not exists (select from collected c where c.number = e.number);
  get diagnostics removed = row_count;
  if removed < cardinality(p_numbers) then
    raise exception 'an event that was to expire is wanted after all' using errcode = 'MD002';
  end if;
end $$;

-- Timers by version and status: of a version of which very many are due, a turn takes its share.
drop index instances_wake;
create index instances_wake on instances (shard, definition, status, wake_at) where wake_at is not null;

-- Dead letters that somebody has dealt with, in the order in which that was.
create index dead_letters_done on dead_letters (shard, changed_at) where status in ('redriven', 'dropped');

-- Autovacuum by default waits until a fifth of a table is dead: of a large one that is more than what retention ever
-- deletes at once. Tables that are emptied as fast as they are filled are looked after by the number of rows.
alter table instances set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
alter table journal set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);
alter table events set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
alter table dead_letters set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
alter table forwarded_replies set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
alter table inbox set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
alter table waits set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
