-- Dead letters that are looked at, edited, sent again and dropped; and those that the topic has not got.

alter table dead_letters
  -- open: nobody has done anything; redriven: sent again, and not come back; parked: came back too often; dropped.
  add column status     text not null default 'open',
  -- How many times it was sent again.
  add column rounds     integer not null default 0,
  add column changed_at timestamptz not null default now(),
  -- The instance that it has to do with, where one is known.
  add column instance   uuid,
  -- What is sent instead of the original, which stays as it came.
  add column is_edited  boolean not null default false,
  add column edited_value   bytea,
  add column edited_headers bytea,
  -- Why the dead-letter topic has not got it, when it is tried the next time, and how often it was.
  add column unpublished text,
  add column publish_at  timestamptz,
  add column publish_failures integer not null default 0;
create index dead_letters_unpublished on dead_letters (publish_at) where unpublished is not null;
create index dead_letters_instance on dead_letters (instance) where instance is not null;

-- What happened to each, insert-only. A letter that came back has its row here instead of a second one in dead_letters;
-- (shard, sequence) is then its place in the journal of the shard that it came back to.
create table dead_letter_history (
  number          bigint primary key generated always as identity,
  letter_shard    integer not null,
  letter_sequence bigint not null,
  at              timestamptz not null default now(),
  action          text not null,
  actor           text not null,
  round           integer not null,
  detail          text not null,
  reason          text,
  shard           integer,
  sequence        bigint
);
create index dead_letter_history_letter on dead_letter_history (letter_shard, letter_sequence, number);
create unique index dead_letter_history_place on dead_letter_history (shard, sequence) where shard is not null;
