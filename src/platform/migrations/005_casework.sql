-- What the list of alerts is sorted and filtered by stands in the alert itself: the strongest match when it was raised.
alter table alert
  add case_id text references "case" on delete set null,
  add confidence real not null default 0,
  add reupload_number integer not null default 0,
  add assigned_to uuid references account on delete set null,
  add decided_at timestamptz,
  add decided_by text,
  add reason text;

update alert a
set case_id = best.case_id, confidence = best.confidence, reupload_number = coalesce(r.number, 0)
from (
  select distinct on (verdict_id) verdict_id, case_id, confidence from match order by verdict_id, verdict = 'match' desc, confidence desc
) best
left join reupload r on r.case_id = best.case_id
where best.verdict_id = a.verdict_id and (r.submission_id = a.submission_id or r.submission_id is null);

update alert a set reupload_number = r.number
from reupload r where r.case_id = a.case_id and r.submission_id = a.submission_id and a.reupload_number = 0;

drop index alert_open;
create index alert_newest on alert (state, seq desc);
create index alert_strongest on alert (state, confidence desc, seq desc);
create index alert_most_repeated on alert (state, reupload_number desc, seq desc);
create index alert_case on alert (case_id, seq desc);
create index alert_assigned on alert (assigned_to, seq desc) where assigned_to is not null;
create index alert_decided on alert (decided_by, decided_at) where decided_by is not null;
create index alert_event_confirmed on alert_event (created_at) where act = 'confirmed';
create index submission_media on submission (media_sha256) where media_sha256 is not null;

-- A caseworker said that this file does not show this reference: the pair never alerts again.
create table dismissal (
  reference_id uuid not null references reference on delete cascade,
  media_sha256 bytea not null check (octet_length(media_sha256) = 32),
  alert_id uuid references alert on delete set null,
  actor text not null,
  reason text not null,
  created_at timestamptz not null default now(),
  primary key (media_sha256, reference_id)
);

create index dismissal_reference on dismissal (reference_id);
create index dismissal_alert on dismissal (alert_id) where alert_id is not null;

-- What goes along when a reference is erased.
create index match_reference on match (reference_id);
create index verdict_reference on verdict (reference_id) where reference_id is not null;

alter table "case"
  add merged_into text references "case" on delete set null,
  add updated_at timestamptz not null default now();

-- `learned_from` is the confirmed re-upload that this reference was taken from; `list_entry` its id in the hash list named by provenance.
alter table reference
  add class text check (class in ('baseline', 'national', 'other')),
  add legal_basis text not null default '',
  add retain_until timestamptz,
  add learned_from text references submission on delete set null,
  add list_entry text;
create index reference_learned_from on reference (learned_from) where learned_from is not null;
create unique index reference_list_entry on reference (provenance, list_entry) where list_entry is not null and retired_at is null;

-- `withdrawn`: a caseworker found that it was no re-upload. `recheck_at`: when the page is looked at again after it was reported removed.
alter table takedown
  drop constraint takedown_state_check,
  add check (state in ('queued', 'sent', 'acknowledged', 'removed', 'rejected', 'expired', 'withdrawn')),
  add recheck_at timestamptz,
  add rechecks integer not null default 0,
  add escalated_at timestamptz;
create index takedown_recheck on takedown (recheck_at) where recheck_at is not null;
create index takedown_case on takedown (case_id);
create index takedown_newest on takedown (created_at desc);

create table takedown_event (
  id bigint generated always as identity primary key,
  takedown_id uuid not null references takedown on delete cascade,
  attempt integer not null,
  state text not null,
  actor text not null,
  detail text not null default '',
  created_at timestamptz not null default now()
);
create index takedown_event_takedown on takedown_event (takedown_id, id);
