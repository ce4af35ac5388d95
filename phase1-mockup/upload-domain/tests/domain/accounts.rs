//! Logins and the users file.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use upload_domain::accounts::{self, Accounts, LoginError};
use upload_domain::passwords::{Busy, HashCost, PasswordChecks};
use upload_domain::users_file;

#[tokio::test]
async fn only_the_right_password_of_an_account_is_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("users.json");
    users_file::write(&path, &[("alice", "secret")], HashCost::Minimal).unwrap();
    let accounts = Accounts::read(&path).unwrap();
    assert_eq!(accounts.log_in("alice", "secret").await.unwrap().as_str(), "alice");
    for (name, password) in
        [("alice", "wrong"), ("nobody", "secret"), ("../alice", "secret"), ("", "")]
    {
        assert_eq!(accounts.log_in(name, password).await, Err(LoginError::Wrong));
    }
}

#[test]
fn demo_accounts_are_created_once_with_private_mode() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("users.json");
    let created =
        accounts::create_demo_accounts(&path, HashCost::Minimal).unwrap().unwrap();
    assert_eq!(created.len(), 3);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(accounts::create_demo_accounts(&path, HashCost::Minimal).unwrap().is_none());
    let stored = fs::read_to_string(&path).unwrap();
    assert!(created.iter().all(|account| !stored.contains(&account.password)));
}

#[test]
fn invalid_users_file_is_refused_with_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("users.json");
    let error = || Accounts::read(&path).unwrap_err().to_string();
    assert!(error().contains("cannot read"));
    for (text, reason) in [
        ("{", "EOF"),
        (r#"{"users":[]}"#, "no accounts"),
        (r#"{"users":[{"username":"a","password_hash":"x"}]}"#, "not Argon2"),
        (r#"{"users":[{"username":"../a","password_hash":"x"}]}"#, "user name"),
    ] {
        fs::write(&path, text).unwrap();
        assert!(error().contains(reason), "{text}: {}", error());
    }
}

#[tokio::test]
async fn password_check_beyond_the_queue_is_refused() {
    let hash = upload_domain::passwords::hash("secret", HashCost::Owasp).unwrap();
    let checks = PasswordChecks::new(1, 1);
    let (first, second, third) = tokio::join!(
        checks.check("secret", &hash),
        checks.check("wrong", &hash),
        checks.check("secret", &hash),
    );
    assert_eq!((first, second, third), (Ok(true), Ok(false), Err(Busy)));
}
