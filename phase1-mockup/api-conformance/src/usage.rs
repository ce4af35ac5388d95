//! Starting a server wrongly: one line that says what to do, and exit code 2.

use crate::expect::{equal, refuses_to_start};
use crate::fixture::Fixture;
use crate::process::run_to_end;
use anyhow::ensure;
use std::net::TcpListener;
use std::path::Path;

/// Another program has the port.
pub async fn a_taken_port_is_refused(program: &str) -> anyhow::Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let flags = with(&Fixture::new()?, "--listen", &address);
    refuses_to_start(program, &flags, &[&address, "--listen"]).await
}

/// The users file is not there.
pub async fn a_missing_users_file_is_refused(program: &str) -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let nowhere = fixture.folder().join("nobody.json");
    let flags = with(&fixture, "--users", &nowhere.to_string_lossy());
    refuses_to_start(program, &flags, &["nobody.json"]).await
}

/// The users file is no users file. What is shown instead must not be its content.
pub async fn a_corrupt_users_file_is_refused(program: &str) -> anyhow::Result<()> {
    for wrong in [
        "",
        "{",
        "[]",
        r#"{"users":[]}"#,
        r#"{"users":[{"username":"alice","password_hash":"CANARY"}]}"#,
    ] {
        let fixture = Fixture::new()?;
        std::fs::write(fixture.users_file(), wrong)?;
        let flags = fixture.flags(&[]);
        refuses_to_start(program, &flags, &["users.json", "password_hash"]).await?;
    }
    Ok(())
}

/// The data folder cannot be made. It is named below a regular file, because no
/// permission stops a test that runs as root.
pub async fn an_unusable_data_folder_is_refused(program: &str) -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    std::fs::write(fixture.folder().join("file"), "not a folder")?;
    let below = fixture.folder().join("file").join("data");
    let flags = with(&fixture, "--data-dir", &below.to_string_lossy());
    refuses_to_start(program, &flags, &["--data-dir", "file/data"]).await
}

/// Beyond this machine, passwords would travel unencrypted.
pub async fn a_remote_address_needs_a_word_of_consent(
    program: &str,
) -> anyhow::Result<()> {
    let flags = with(&Fixture::new()?, "--listen", "0.0.0.0:0");
    refuses_to_start(program, &flags, &["127.0.0.1", "--insecure-remote"]).await
}

/// The admin listener has no login.
pub async fn the_admin_listener_never_leaves_this_machine(
    program: &str,
) -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let mut flags = with(&fixture, "--admin-listen", "0.0.0.0:0");
    flags.push("--insecure-remote".to_owned());
    refuses_to_start(program, &flags, &["--admin-listen", "loopback"]).await
}

/// A flag that does not exist, most likely misspelt.
pub async fn an_unknown_flag_is_refused(program: &str) -> anyhow::Result<()> {
    let flags = Fixture::new()?.flags(&["--max-uplaod", "1"]);
    let ended = run_to_end(Path::new(program), &flags).await?;
    equal("the exit code", ended.status.code(), Some(2))?;
    ensure!(
        ended.stderr.contains("--max-upload"),
        "expected: the flag that was meant\n  actual:   {}",
        ended.stderr
    );
    Ok(())
}

/// The usual flags, one of them with another value.
///
/// # Panics
/// When it is none of the usual flags.
#[must_use]
pub fn with(fixture: &Fixture, flag: &str, value: &str) -> Vec<String> {
    let mut flags = fixture.flags(&[]);
    let at = flags.iter().position(|one| one == flag);
    flags[at.expect("one of the usual flags") + 1] = value.to_owned();
    flags
}
