-- What an event means depends on the definitions that are deployed. A batch with events says which was the newest that it
-- was planned with; if there is a newer one, it has to be planned again, or a listener of the new one might miss the event.
--
-- A deployment holds the same lock alone until it has committed: a batch that commits after a deployment has seen it.
-- Without the last parameter the function is what it was: programs of the version before go on meanwhile.
drop function fence(integer, bigint, bigint, bigint, bigint, bigint);
create function fence(
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
    if exists (select from definitions where number > p_definition) then
      raise exception 'there is a definition above the number %', p_definition using errcode = 'MD002';
    end if;
  end if;
end $$;

-- Kept events are offered page by page: see docs/decisions/0005.

-- Set until the instance has been offered all that was kept: what arrives meanwhile comes in its turn.
alter table waits add column behind boolean not null default false;
-- For the last event of a full page: how many it holds.
alter table inbox add column page integer;
