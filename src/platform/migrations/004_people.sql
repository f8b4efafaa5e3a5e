-- Who may see and do what. `password_hash` is an argon2id string; without one, a person signs in through OpenID Connect.
create table account (
  id uuid primary key,
  name text not null check (name ~ '^[^[:cntrl:]]{1,128}$'),
  email text,
  role text not null check (role in ('viewer', 'caseworker', 'admin')),
  language text not null default 'en' check (language in ('en', 'sq')),
  password_hash text,
  oidc_subject text unique,
  settings jsonb not null default '{}',
  failed_sign_ins integer not null default 0,
  locked_until timestamptz,
  disabled_at timestamptz,
  created_at timestamptz not null default now()
);
create unique index account_name on account (lower(name));

-- Of secrets only the SHA-256 is kept: they are random, 256 bits, so there is nothing to guess.
create table session (
  id uuid primary key,
  token_sha256 bytea not null unique check (octet_length(token_sha256) = 32),
  account_id uuid not null references account on delete cascade,
  address text not null,
  agent text not null,
  created_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index session_account on session (account_id);

create table service_token (
  id uuid primary key,
  name text not null unique,
  token_sha256 bytea not null unique check (octet_length(token_sha256) = 32),
  scopes text[] not null check (cardinality(scopes) > 0),
  created_by text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  last_used_at timestamptz,
  revoked_at timestamptz
);

-- A link that signs in once: an invitation, a reset, or (without an account) the making of the first admin.
create table sign_in_link (
  token_sha256 bytea primary key check (octet_length(token_sha256) = 32),
  account_id uuid references account on delete cascade,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz
);

-- The log of reads and acts becomes a chain: each row's hash covers the one before it, so a row that is changed, removed or put in
-- between shows. `number` counts without gaps in the order of commits, because the lock is held until then.
alter table audit_log add number bigint unique, add sha256 bytea check (octet_length(sha256) = 32);

create function audit_hash(previous bytea, entry audit_log) returns bytea language sql immutable as $$
  select sha256(coalesce(previous, '') || convert_to(
    jsonb_build_array(entry.number, entry.actor, entry.act, entry.subject, entry.detail,
                      floor(extract(epoch from entry.created_at) * 1000000)::bigint)::text, 'UTF8'))
$$;

create function chain_audit() returns trigger language plpgsql as $$
declare
  previous audit_log;
begin
  perform pg_advisory_xact_lock(7233002);
  select * into previous from audit_log where number is not null order by number desc limit 1;
  new.number := coalesce(previous.number, 0) + 1;
  -- Of the transaction would be earlier than rows that were committed since.
  new.created_at := clock_timestamp();
  new.sha256 := audit_hash(previous.sha256, new);
  return new;
end $$;

do $$
declare
  entry audit_log;
  previous bytea;
  count bigint := 0;
begin
  for entry in select * from audit_log order by id loop
    count := count + 1;
    entry.number := count;
    previous := audit_hash(previous, entry);
    update audit_log set number = count, sha256 = previous where id = entry.id;
  end loop;
end $$;

alter table audit_log alter number set not null, alter sha256 set not null;

create function refuse_audit_change() returns trigger language plpgsql as $$
begin
  raise exception 'audit_log is append-only' using errcode = 'insufficient_privilege';
end $$;

create trigger chain_audit before insert on audit_log for each row execute function chain_audit();
create trigger refuse_audit_change before update or delete on audit_log for each row execute function refuse_audit_change();
create trigger refuse_audit_truncate before truncate on audit_log for each statement execute function refuse_audit_change();
create index audit_log_subject on audit_log (subject, number desc);
create index audit_log_actor on audit_log (actor, number desc);
