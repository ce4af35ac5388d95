//! The records' database: Postgres of this machine, a container of it, or SQLite.

use crate::choice::{Found, choose};
use crate::container::{self, Container};
use crate::family::{Family, Spec};
use crate::home::Home;
use crate::kind::{Backing, What};
use crate::port;
use crate::probe::Probe;
use crate::service::{Engine, Service};
use crate::spawn::{self, Account};
use anyhow::{Context, bail};
use nix::sys::signal::Signal;
use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;

/// The owner of everything in a private Postgres; replicas must not connect as this one.
const OWNER: &str = "lab";

/// A database that answers. A SQLite file lies in `dir` itself and stays there; Postgres
/// has a folder of its own, which goes with it.
///
/// # Errors
/// When what was asked for is not here or does not start; the message says what to do.
pub async fn database(backing: Backing, dir: &Path) -> anyhow::Result<Service> {
    let choice = choose(What::Database, backing).await?;
    let (url, engine) = match &choice.found {
        Found::Url { url, .. } => (url.clone(), Engine::Nothing),
        Found::Program { path, .. } => installed(path, dir).await?,
        Found::Image(image) => in_container(image).await?,
        _ => (sqlite(dir)?, Engine::Nothing),
    };
    Ok(Service::new(What::Database, choice, url, engine))
}

fn sqlite(dir: &Path) -> anyhow::Result<String> {
    let dir = dir.canonicalize().context("no folder for the database")?;
    let path = dir.join("records.sqlite");
    let mut url = url::Url::parse("sqlite:///").context("a URL")?;
    url.set_path(path.to_str().context("the folder's name is not text")?);
    url.set_query(Some("mode=rwc"));
    Ok(url.into())
}

fn url(port: u16, password: &str) -> String {
    format!("postgres://{OWNER}:{password}@127.0.0.1:{port}/postgres")
}

async fn installed(program: &Path, dir: &Path) -> anyhow::Result<(String, Engine)> {
    // SIGQUIT ends Postgres without a checkpoint, but with its shared memory removed.
    let home = Home::make(dir, "postgres", Account::for_postgres()?, Signal::SIGQUIT)?;
    let (port, password) = (port::free()?, port::password()?);
    initialise(&program.with_file_name("initdb"), &home, &password).await?;
    let mut args: Vec<OsString> = vec!["-D".into(), home.path().join("data").into()];
    args.extend(["-p".into(), port.to_string().into()]);
    for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories="] {
        args.extend(["-c".into(), setting.into()]);
    }
    let spec = Spec {
        program: program.to_owned(),
        args,
        port,
        probe: Probe::Postgres,
        stop: Signal::SIGINT,
        at_our_end: Signal::SIGQUIT,
    };
    let family = Family::start(spec, home).await?;
    Ok((url(port, &password), Engine::Family(family)))
}

/// Makes the data folder. The password is not on a command line, and its file is gone
/// before anybody can connect.
async fn initialise(initdb: &Path, home: &Home, password: &str) -> anyhow::Result<()> {
    let file = home.write("password", password)?;
    let mut command = spawn::command(initdb, home.account(), Signal::SIGKILL);
    command
        .arg("-D")
        .arg(home.path().join("data"))
        .arg("--pwfile")
        .arg(&file)
        .args(["-U", OWNER, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C"])
        .arg("--no-sync")
        .current_dir(home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let child = spawn::spawn(command).context("cannot start initdb")?;
    let output = tokio::task::spawn_blocking(|| child.wait_with_output()).await??;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("initdb failed: {}", said.trim());
    }
    std::fs::remove_file(file).context("cannot remove the password's file")
}

async fn in_container(image: &'static str) -> anyhow::Result<(String, Engine)> {
    let password = port::password()?;
    let run = container::Run {
        name: "postgres",
        image,
        port: 5432,
        user: None,
        environment: vec![
            ("POSTGRES_USER", OWNER.to_owned()),
            ("POSTGRES_DB", "postgres".to_owned()),
            ("POSTGRES_PASSWORD", password.clone()),
        ],
        command: Vec::new(),
        probe: Probe::Postgres,
    };
    let container = Container::run(run).await?;
    Ok((url(container.port(), &password), Engine::Container(container)))
}
