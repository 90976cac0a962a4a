-- What the built-in processors keep.

-- What has been settled, by idempotency key: a delivery that comes again gets the same reply, and has no effect.
create table processor_inbox (
  processor       text not null,
  idempotency_key text not null,
  reply_type      text not null,
  -- json, never jsonb: jsonb refuses \u0000 and reorders keys.
  reply_value     json not null,
  created_at      timestamptz not null default now(),
  primary key (processor, idempotency_key)
);
-- Rows come in the order of time, so this finds old ones at next to no cost.
create index processor_inbox_created on processor_inbox using brin (created_at) with (pages_per_range = 32);

-- persistence: the readings of equipment. A reading is unique by what it is of, who took it, when, and its number; no
-- number is a number too.
create table equipment_status (
  equipment            text not null,
  device               text not null,
  time                 timestamptz not null,
  job_percent_finished double precision,
  producing            boolean,
  sequence             bigint,
  unique nulls not distinct (equipment, time, device, sequence)
);

-- alerts: the newest reading of each equipment; also what is locked while a batch judges it.
create table alert_readings (
  equipment text primary key,
  time      timestamptz,
  sequence  bigint
) with (fillfactor = 50);

-- alerts: how each rule stands for each equipment; no row: cleared.
create table alert_state (
  equipment text not null,
  rule      text not null,
  state     text not null check (state in ('raised', 'cleared')),
  -- Of the transition to this state.
  value     json,
  time      timestamptz,
  primary key (equipment, rule)
) with (fillfactor = 70);

-- alerts: every transition.
create table alerts (
  id              bigint generated always as identity primary key,
  equipment       text not null,
  rule            text not null,
  state           text not null check (state in ('raised', 'cleared')),
  severity        text not null,
  value           json not null,
  threshold       json not null,
  message         text not null,
  -- Of the reading.
  time            timestamptz,
  sequence        bigint,
  idempotency_key text not null,
  created_at      timestamptz not null default now()
);
create index alerts_equipment on alerts (equipment, id);

-- telegram: every message, written before it is sent. 'sending' long after it was updated means that a processor died
-- in between: whether it arrived is not known.
create table telegram_messages (
  processor       text not null,
  idempotency_key text not null,
  chat            text not null,
  text            text not null,
  status          text not null check (status in ('sending', 'uncertain', 'failed', 'sent', 'printed')),
  attempts        integer not null default 1,
  -- A long text goes out in several parts.
  parts           integer not null,
  parts_sent      integer not null default 0,
  message_ids     bigint[] not null default '{}',
  possible_repeat boolean not null default false,
  error           text,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  primary key (processor, idempotency_key)
);
create index telegram_messages_created on telegram_messages using brin (created_at);

-- telegram: chats to which nothing is sent. To enable one again, delete its row.
create table telegram_chats (
  chat        text primary key,
  disabled_at timestamptz not null default now(),
  reason      text not null
);
