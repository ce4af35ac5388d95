//! Invalid command lines: one line with advice on standard error, and exit code 2.

use crate::fixture::Fixture;
use crate::process::{refuses_to_start, run_to_end};
use anyhow::ensure;
use client::expect::equal;
use std::net::TcpListener;
use std::path::Path;

/// Another program uses the port.
pub async fn taken_port_is_refused(program: &str) -> anyhow::Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let flags = with(&Fixture::new()?, "--listen", &address);
    refuses_to_start(program, &flags, &[&address, "--listen"]).await
}

/// The users file does not exist.
pub async fn missing_users_file_is_refused(program: &str) -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let missing = fixture.folder().join("missing.json");
    let flags = with(&fixture, "--users", &missing.to_string_lossy());
    refuses_to_start(program, &flags, &["missing.json"]).await
}

/// The users file is invalid. The error must not show its content.
pub async fn corrupt_users_file_is_refused(program: &str) -> anyhow::Result<()> {
    for invalid in [
        "",
        "{",
        "[]",
        r#"{"users":[]}"#,
        r#"{"users":[{"username":"alice","password_hash":"CANARY"}]}"#,
    ] {
        let fixture = Fixture::new()?;
        std::fs::write(fixture.users_file(), invalid)?;
        let flags = fixture.flags(&[]);
        refuses_to_start(program, &flags, &["users.json", "password_hash"]).await?;
    }
    Ok(())
}

/// The data folder cannot be created. It is below a regular file, because permissions do not
/// stop a test that runs as root.
pub async fn unusable_data_folder_is_refused(program: &str) -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    std::fs::write(fixture.folder().join("file"), "not a folder")?;
    let below = fixture.folder().join("file").join("data");
    let flags = with(&fixture, "--data-dir", &below.to_string_lossy());
    refuses_to_start(program, &flags, &["--data-dir", "file/data"]).await
}

/// On other networks, passwords would not be encrypted.
pub async fn remote_address_requires_insecure_remote(
    program: &str,
) -> anyhow::Result<()> {
    let flags = with(&Fixture::new()?, "--listen", "0.0.0.0:0");
    refuses_to_start(program, &flags, &["127.0.0.1", "--insecure-remote"]).await
}

/// The admin listener has no authentication.
pub async fn admin_listener_accepts_loopback_only(program: &str) -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let mut flags = with(&fixture, "--admin-listen", "0.0.0.0:0");
    flags.push("--insecure-remote".to_owned());
    refuses_to_start(program, &flags, &["--admin-listen", "loopback"]).await
}

/// The error for a misspelt flag suggests the right one.
pub async fn unknown_flag_is_refused(program: &str) -> anyhow::Result<()> {
    let flags = Fixture::new()?.flags(&["--max-uplaod", "1"]);
    let ended = run_to_end(Path::new(program), &flags).await?;
    equal("the exit code", ended.status.code(), Some(2))?;
    ensure!(
        ended.stderr.contains("--max-upload"),
        "expected: the suggested flag\n  actual:   {}",
        ended.stderr
    );
    Ok(())
}

/// The common flags, one of them with another value.
///
/// # Panics
/// When it is not a common flag.
#[must_use]
pub fn with(fixture: &Fixture, flag: &str, value: &str) -> Vec<String> {
    let mut flags = fixture.flags(&[]);
    let at = flags.iter().position(|one| one == flag);
    flags[at.expect("one of the common flags") + 1] = value.to_owned();
    flags
}
