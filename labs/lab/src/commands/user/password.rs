//! A password from the terminal or from standard input, and never from an argument:
//! every user of a machine can read its command lines.

use crate::screen::remark;
use anyhow::{Context, ensure};
use api_contract::secret::Secret;
use console::Term;
use std::io::{IsTerminal, Read};
use std::process::Command;
use upload_domain::passwords::MAX_PASSWORD;

/// Shortest password in bytes that an administrator may set (ASVS 6.2.1). The servers ask
/// for 15 when an account changes its own.
const MIN_PASSWORD_BYTES: usize = 8;

/// Exit code of a program that Ctrl-C ended, as a shell reports it.
const INTERRUPTED: i32 = 130;

#[derive(clap::Args, Debug)]
pub(super) struct PasswordArgs {
    /// Read the password from standard input instead of asking for it
    #[arg(long)]
    password_stdin: bool,
}

impl PasswordArgs {
    /// Reads a password of an acceptable length.
    pub(super) async fn read(&self) -> anyhow::Result<Secret> {
        let password = match self.password_stdin {
            true => from_input()?,
            false => from_terminal().await?,
        };
        let length = password.expose().len();
        ensure!(
            (MIN_PASSWORD_BYTES..=MAX_PASSWORD).contains(&length),
            "a password has {MIN_PASSWORD_BYTES} to {MAX_PASSWORD} bytes"
        );
        let is_one_line = !password.expose().contains(char::is_control);
        ensure!(is_one_line, "a password is one line without control characters");
        Ok(password)
    }
}

fn from_input() -> anyhow::Result<Secret> {
    let mut text = String::new();
    // One byte more than the longest password and its line break shows that it is longer.
    let limit = u64::try_from(MAX_PASSWORD + 3).unwrap_or(u64::MAX);
    let input = std::io::stdin().lock();
    input.take(limit).read_to_string(&mut text).context("cannot read the password")?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Secret::new(line.strip_suffix('\r').unwrap_or(line)))
}

/// Asks twice, without echo.
async fn from_terminal() -> anyhow::Result<Secret> {
    ensure!(
        std::io::stdin().is_terminal(),
        "standard input is not a terminal: give --password-stdin"
    );
    let asked =
        tokio::task::spawn_blocking(|| anyhow::Ok((ask("Password: ")?, ask("Again: ")?)));
    let (first, again) = tokio::select! {
        asked = asked => asked.context("the prompt failed")??,
        _interrupted = tokio::signal::ctrl_c() => leave_terminal(),
    };
    ensure!(first.expose() == again.expose(), "the two passwords differ");
    Ok(first)
}

fn ask(question: &str) -> anyhow::Result<Secret> {
    let terminal = Term::stderr();
    terminal.write_str(question)?;
    terminal.flush()?;
    let line = terminal.read_secure_line().context("cannot read the password")?;
    Ok(Secret::new(line))
}

/// Ends the program after Ctrl-C. The thread that waits for the line has turned echo off
/// and cannot be woken, so another program turns it on again.
fn leave_terminal() -> ! {
    let _no_terminal = Command::new("stty").arg("echo").status();
    remark("");
    std::process::exit(INTERRUPTED)
}
