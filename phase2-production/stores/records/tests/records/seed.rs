//! Test data: the accounts alice and bob in t1, carol in t2.

use crate::store::Store;
use records::audit::AuditRow;
use records::quota::Allowance;
use records::refresh::NewFamily;
use records::sessions::{Created, Found, NewSession, Session};
use records::users::{Account, NewAccount};
use records::{Member, OrgId, Records, RecordsError, Role, Scope};
use records::{audit, refresh, sessions, users};
use sha2::{Digest, Sha256};
use upload_domain::hex::hex;
use upload_domain::username::Username;

/// The start time of most tests, in the past: the database's clock is later.
pub(crate) const NOW: i64 = 1_700_000_000_000;
pub(crate) const IDLE: i64 = 1_800_000;
pub(crate) const LIFE: i64 = 86_400_000;

/// The server's default quota in these tests.
pub(crate) const QUOTA: Allowance = Allowance { bytes: 1_000, files: 200 };

pub(crate) fn org(name: &str) -> OrgId {
    OrgId::parse(name).unwrap()
}

pub(crate) fn name(text: &str) -> Username {
    Username::parse(text).unwrap()
}

pub(crate) fn member(username: &str) -> Member {
    let organisation = if username == "carol" { "t2" } else { "t1" };
    Member {
        organisation: org(organisation),
        username: name(username),
        role: Role::Member,
    }
}

pub(crate) fn in_org_of(username: &str) -> Scope {
    Scope::Organisation(member(username).organisation)
}

/// The SHA-256 of a session id or token.
pub(crate) fn credential_hash(secret: &str) -> String {
    hex(&Sha256::digest(secret))
}

pub(crate) fn scope_of(secret: &str) -> Scope {
    Scope::CredentialHash(credential_hash(secret))
}

pub(crate) fn accounts() -> Vec<NewAccount> {
    ["alice", "bob", "carol"]
        .map(|username| NewAccount {
            member: member(username),
            password_hash: format!("$argon2id$ of {username}"),
            operator: false,
        })
        .to_vec()
}

/// Runs one function of the crate in its own transaction.
macro_rules! run {
    ($records:expr, $scope:expr, |$tx:ident| $call:expr) => {
        $records.run($scope, move |$tx| Box::pin(async move { $call.await })).await
    };
}
pub(crate) use run;

pub(crate) async fn add_accounts(store: &Store) {
    let accounts = accounts();
    let added =
        run!(store.records, Scope::Housekeeping, |tx| users::import(tx, &accounts, NOW));
    assert_eq!(added.unwrap(), 3);
}

pub(crate) async fn account(records: &Records, username: &str) -> Account {
    let username = name(username);
    let scope = Scope::Login(username.clone());
    run!(records, scope, |tx| users::find(tx, &username)).unwrap().expect("the account")
}

pub(crate) fn new_session(username: &str, secret: &str) -> NewSession {
    NewSession {
        session_id_hash: credential_hash(secret),
        member: member(username),
        epoch: 1,
        idle_ms: IDLE,
        expires_at: NOW + LIFE,
    }
}

pub(crate) async fn create(
    records: &Records,
    new: NewSession,
    most: i64,
    now: i64,
) -> Result<Created, RecordsError> {
    let scope = Scope::Organisation(new.member.organisation.clone());
    run!(records, scope, |tx| sessions::create(tx, &new, most, now))
}

pub(crate) async fn log_in(records: &Records, username: &str, secret: &str) -> Session {
    match create(records, new_session(username, secret), 100, NOW).await.unwrap() {
        Created::Yes(session, _) => session,
        Created::AccountChanged => panic!("the account changed"),
    }
}

pub(crate) async fn find(records: &Records, secret: &str, now: i64) -> Found {
    let sent = credential_hash(secret);
    run!(records, scope_of(secret), |tx| sessions::find(tx, &sent, now)).unwrap()
}

pub(crate) async fn start_family(
    records: &Records,
    username: &str,
    secret: &str,
) -> bool {
    let new = NewFamily {
        family: format!("family of {secret}"),
        member: member(username),
        epoch: 1,
        expires_at: NOW + LIFE,
    };
    let first = credential_hash(secret);
    let started = run!(records, in_org_of(username), |tx| refresh::start_family(
        tx, &new, &first, 100, NOW
    ));
    started.unwrap().is_some()
}

pub(crate) fn audit_row(organisation: &str, request_id: &str) -> AuditRow {
    AuditRow {
        at: NOW,
        request_id: request_id.to_owned(),
        organisation: org(organisation),
        actor: "alice".to_owned(),
        action: "tested".to_owned(),
        subject: "nothing".to_owned(),
    }
}

/// Writes an audit row.
pub(crate) async fn write(
    records: &Records,
    request_id: &str,
) -> Result<(), RecordsError> {
    let audit_row = audit_row("t1", request_id);
    run!(records, in_org_of("alice"), |tx| audit::write(tx, &audit_row))
}

/// The request ids of all audit rows of t1, newest first.
pub(crate) async fn audited_requests(records: &Records) -> Vec<String> {
    let rows = run!(records, in_org_of("alice"), |tx| audit::list(
        tx,
        &org("t1"),
        100_000,
        None
    ));
    rows.unwrap().into_iter().map(|row| row.request_id).collect()
}
