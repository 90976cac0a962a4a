-- Versions that events and schedules start no more, and those that they start again. Of each version the last row holds.
create table retirements (
  -- From the sequence of the definitions: whoever asks for what is new since a number learns of both.
  number     integer primary key default nextval(pg_get_serial_sequence('definitions', 'number')),
  definition integer not null references definitions,
  retired    boolean not null,
  at         timestamptz not null default clock_timestamp(),
  author     text not null,
  reason     text not null
);
create index retirements_definition on retirements (definition, number);

create function retirements_are_final() returns trigger language plpgsql as $$
begin
  raise exception 'retirements are only ever added to' using errcode = 'MD003';
end $$;
create trigger retirements_are_final before update or delete or truncate on retirements
  for each statement execute function retirements_are_final();

-- A batch that was planned before a version was retired is planned again.
create or replace function fence(
  p_shard integer, p_epoch bigint, p_batch bigint, p_head bigint, p_mark bigint, p_lease_ms bigint,
  p_definition integer default null
) returns void language plpgsql as $$
begin
  update shards
     set batch = p_batch, journal_head = p_head, publish_mark = greatest(publish_mark, p_mark),
         expires_at = clock_timestamp() + p_lease_ms * interval '1 millisecond'
   where shard = p_shard and epoch = p_epoch;
  if not found then
    raise exception 'shard % is no longer owned in epoch %', p_shard, p_epoch using errcode = 'MD001';
  end if;
  if p_definition is not null then
    perform pg_advisory_xact_lock_shared(hashtextextended('mediator.definitions', 0));
    if exists (select from definitions where number > p_definition)
       or exists (select from retirements where number > p_definition) then
      raise exception 'there is a definition above the number %', p_definition using errcode = 'MD002';
    end if;
  end if;
end $$;
