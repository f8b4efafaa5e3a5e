-- What was accepted and has no verdict yet, so that a queue that is away, or loses what it holds, forgets nothing. Written before the
-- job is queued; gone with the transaction that records the verdict, or parks the job. `enqueued_at` says when the queue was last known
-- to have the job; null while it is not.
create table intake (
  submission_id text primary key,
  job jsonb not null,
  received_at timestamptz not null default now(),
  enqueued_at timestamptz
);
create index intake_waiting on intake (received_at) where enqueued_at is null;
create index intake_enqueued on intake (enqueued_at) where enqueued_at is not null;

-- One row. The relay writes the same growing number here and into the queues; a queue that shows an older one, or none, has lost
-- everything that was put into it since. `emptied` has, by queue of messages, the last time that its consumers had left nothing in it:
-- what was delivered before need not be delivered again.
create table queue_beat (
  only_one boolean primary key default true check (only_one),
  beat bigint not null,
  emptied jsonb not null default '{}'
);
insert into queue_beat (beat) values (0);

-- Reading back what was delivered since the queues were last seen whole.
create index outbox_delivered on outbox (delivered_at) where delivered_at is not null;

-- The trace (W3C trace context, as JSON) that a message was written in, so that its delivery goes on with it; null when nothing is traced.
alter table outbox add column trace text;
