//! Who gets in.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use upload_domain::accounts::{self, Accounts, LoginError};
use upload_domain::passwords::{Busy, HashCost, PasswordChecks};
use upload_domain::users_file;

#[tokio::test]
async fn only_the_right_password_of_a_known_name_gets_in() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("users.json");
    users_file::write(&path, &[("alice", "secret")], HashCost::Least).unwrap();
    let accounts = Accounts::read(&path).unwrap();
    assert_eq!(accounts.log_in("alice", "secret").await.unwrap().as_str(), "alice");
    for (name, password) in
        [("alice", "wrong"), ("nobody", "secret"), ("../alice", "secret"), ("", "")]
    {
        assert_eq!(accounts.log_in(name, password).await, Err(LoginError::Wrong));
    }
}

#[test]
fn demo_accounts_are_made_once_and_readable_by_their_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("users.json");
    let made = accounts::make_demo_users(&path, HashCost::Least).unwrap().unwrap();
    assert_eq!(made.len(), 3);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(accounts::make_demo_users(&path, HashCost::Least).unwrap().is_none());
    let stored = fs::read_to_string(&path).unwrap();
    assert!(made.iter().all(|account| !stored.contains(&account.password)));
}

#[test]
fn a_users_file_that_is_no_use_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("users.json");
    let complaint = || Accounts::read(&path).unwrap_err().to_string();
    assert!(complaint().contains("cannot read"));
    for (text, reason) in [
        ("{", "EOF"),
        (r#"{"users":[]}"#, "names nobody"),
        (r#"{"users":[{"username":"a","password_hash":"x"}]}"#, "not Argon2"),
        (r#"{"users":[{"username":"../a","password_hash":"x"}]}"#, "user name"),
    ] {
        fs::write(&path, text).unwrap();
        assert!(complaint().contains(reason), "{text}: {}", complaint());
    }
}

#[tokio::test]
async fn a_password_check_beyond_the_queue_is_refused_at_once() {
    let hash = upload_domain::passwords::hash("secret", HashCost::Owasp).unwrap();
    let checks = PasswordChecks::new(1, 1);
    let (first, second, third) = tokio::join!(
        checks.check("secret", &hash),
        checks.check("wrong", &hash),
        checks.check("secret", &hash),
    );
    assert_eq!((first, second, third), (Ok(true), Ok(false), Err(Busy)));
}
