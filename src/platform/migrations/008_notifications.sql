-- Who wants to hear of what. A secret signs, so it is kept as it is; the one before stays valid until `previous_secret_until`.
create table webhook (
  id uuid primary key,
  name text not null check (name ~ '^[^[:cntrl:]]{1,128}$'),
  url text not null check (length(url) between 1 and 2000),
  events text[] not null check (
    cardinality(events) > 0
    and events <@ array['alert.raised', 'alert.decided', 'takedown.queued', 'takedown.changed', 'case.reupload']
  ),
  secret text not null check (secret ~ '^whsec_'),
  previous_secret text check (previous_secret ~ '^whsec_'),
  previous_secret_until timestamptz,
  created_by text not null,
  created_at timestamptz not null default now(),
  disabled_at timestamptz,
  disabled_reason text check (disabled_reason in ('gone', 'by hand')),
  -- The receiver asked for less (Retry-After): nothing is sent to it until then.
  rest_until timestamptz,
  check ((previous_secret is null) = (previous_secret_until is null)),
  check ((disabled_at is null) = (disabled_reason is null))
);

-- One event for one webhook, written in the transaction of the event. `id` is what the receiver knows it by, however often it is sent;
-- whoever sends it holds it until `leased_until`. `payload` has ids, kinds and numbers: never media, addresses of it, or hashes.
create table webhook_delivery (
  id uuid primary key default gen_random_uuid(),
  seq bigint generated always as identity unique,
  webhook_id uuid not null references webhook on delete cascade,
  event text not null,
  submission_id text references submission on delete cascade,
  case_ids text[] not null default '{}',
  payload jsonb not null,
  state text not null default 'waiting' check (state in ('waiting', 'delivered', 'dead')),
  attempts integer not null default 0,
  next_at timestamptz not null default now(),
  leased_until timestamptz,
  last_at timestamptz,
  last_status integer,
  last_error text,
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  check ((state = 'waiting') = (finished_at is null))
);
create index webhook_delivery_due on webhook_delivery (webhook_id, next_at) where state = 'waiting';
create index webhook_delivery_newest on webhook_delivery (webhook_id, seq desc);
create index webhook_delivery_dead on webhook_delivery (seq desc) where state = 'dead';
create index webhook_delivery_finished on webhook_delivery (finished_at) where finished_at is not null;
create index webhook_delivery_submission on webhook_delivery (submission_id) where submission_id is not null;

-- Triggers, so that no way of raising, deciding, asking or counting can forget to announce it, and nothing that is rolled back is announced.
create function webhook_wanted(event text) returns boolean language sql stable as $$
  select exists (select from webhook where disabled_at is null and webhook_wanted.event = any(events))
$$;

create function announce(event text, submission text, cases text[], data jsonb) returns void language plpgsql as $$
begin
  insert into webhook_delivery (webhook_id, event, submission_id, case_ids, payload)
  select id, announce.event, announce.submission, announce.cases,
         announce.data || jsonb_build_object('submissionId', announce.submission, 'caseIds', to_jsonb(announce.cases))
  from webhook where disabled_at is null and announce.event = any(events);
  if found then
    perform pg_notify('reupload_webhooks', '');
  end if;
end $$;

create function platform_of(submission text) returns text language sql stable as $$
  select platform from submission where id = platform_of.submission
$$;

-- The nth upload of these cases' material, the highest n; null when it is not counted.
create function number_of(submission text, cases text[]) returns integer language sql stable as $$
  select max(number) from reupload where submission_id = number_of.submission and case_id = any(cases)
$$;

create function announce_alert() returns trigger language plpgsql as $$
declare
  event text := case tg_op when 'INSERT' then 'alert.raised' else 'alert.decided' end;
  cases text[];
  data jsonb;
begin
  if not webhook_wanted(event) then
    return null;
  end if;
  cases := array(select distinct case_id from match where verdict_id = new.verdict_id order by 1);
  data := jsonb_build_object(
    'alertId', new.id, 'kind', new.kind, 'state', new.state,
    -- Of the strongest match; null when there is none, as of media that could not be read.
    'confidence', (select confidence from match where verdict_id = new.verdict_id order by verdict = 'match' desc, confidence desc limit 1),
    'reuploadNumber', number_of(new.submission_id, cases), 'platform', platform_of(new.submission_id)
  );
  if tg_op = 'UPDATE' then
    data := data || jsonb_build_object('previousState', old.state);
  end if;
  perform announce(event, new.submission_id, cases, data);
  return null;
end $$;
create trigger announce_alert after insert on alert for each row execute function announce_alert();
create trigger announce_decision after update of state on alert
  for each row when (old.state is distinct from new.state) execute function announce_alert();

create function announce_takedown() returns trigger language plpgsql as $$
declare
  asked boolean := new.state = 'queued'
    and (tg_op = 'INSERT' or new.attempt is distinct from old.attempt or new.state is distinct from old.state);
  event text := case when asked then 'takedown.queued' else 'takedown.changed' end;
  data jsonb;
begin
  if not webhook_wanted(event) or (tg_op = 'UPDATE' and not asked and new.state is not distinct from old.state) then
    return null;
  end if;
  data := jsonb_build_object(
    'takedownId', new.id, 'state', new.state, 'attempt', new.attempt, 'deadlineAt', new.deadline_at,
    'reuploadNumber', number_of(new.submission_id, array[new.case_id]), 'platform', platform_of(new.submission_id)
  );
  if tg_op = 'UPDATE' then
    data := data || jsonb_build_object('previousState', old.state);
  end if;
  perform announce(event, new.submission_id, array[new.case_id], data);
  return null;
end $$;
create trigger announce_takedown after insert or update of state, attempt on takedown
  for each row execute function announce_takedown();

-- Who only moves numbers from one case to another is quiet: set_config('reupload.quiet', 'on', true), until the transaction ends.
create function announce_reupload() returns trigger language plpgsql as $$
begin
  if current_setting('reupload.quiet', true) = 'on' or not webhook_wanted('case.reupload') then
    return null;
  end if;
  perform announce('case.reupload', new.submission_id, array[new.case_id],
                   jsonb_build_object('caseId', new.case_id, 'number', new.number, 'platform', platform_of(new.submission_id)));
  return null;
end $$;
create trigger announce_reupload after insert on reupload for each row execute function announce_reupload();

-- What is forgotten is not announced either: the case's id goes with the case.
create function forget_announcements() returns trigger language plpgsql as $$
begin
  delete from webhook_delivery where old.id = any(case_ids);
  return null;
end $$;
create trigger forget_announcements after delete on "case" for each row execute function forget_announcements();

-- The daily mail, once a day however many relays there are. Whoever sends it holds the day until `next_at`.
create table digest (
  day date primary key,
  next_at timestamptz not null,
  attempts integer not null default 1,
  last_error text,
  -- Until when it has counted; what comes later is the next one's.
  counted_until timestamptz,
  outcome text check (outcome in ('sent', 'nothing')),
  finished_at timestamptz,
  check ((outcome is null) = (finished_at is null) and (outcome is null) = (counted_until is null))
);
