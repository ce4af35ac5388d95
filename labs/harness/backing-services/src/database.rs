//! The database: an installed Postgres, a container with Postgres, or SQLite.

use crate::container::{self, Container};
use crate::data_dir::DataDir;
use crate::found::Found;
use crate::kind::{Backing, ServiceType};
use crate::probe::Probe;
use crate::processes::{ServerProcesses, ServerSpec};
use crate::selection::select;
use crate::service::{Engine, Service};
use crate::{account, port};
use anyhow::{Context, bail};
use nix::sys::signal::Signal;
use process::{Lines, Process, ended};
use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;

/// The owner of a private Postgres. Replicas must not connect as this user.
const OWNER: &str = "lab";

/// A database that is ready. A SQLite file is in `dir` itself and stays there. Postgres has its
/// own folder below `dir`, which is removed with it.
///
/// # Errors
/// When the requested kind is missing or does not start; the message contains a remedy.
pub async fn database(backing: Backing, dir: &Path) -> anyhow::Result<Service> {
    let selection = select(ServiceType::Database, backing).await?;
    let (url, engine) = match &selection.found {
        Found::Url { url, .. } => (url.clone(), Engine::External),
        Found::Program { path, .. } => installed(path, dir).await?,
        Found::Image(image) => in_container(image).await?,
        _ => (sqlite(dir)?, Engine::External),
    };
    Ok(Service::new(ServiceType::Database, selection, url, engine))
}

fn sqlite(dir: &Path) -> anyhow::Result<String> {
    let dir = dir.canonicalize().context("no folder for the database")?;
    let path = dir.join("records.sqlite");
    let path = path.to_str().context("the folder's name is not text")?;
    // `Url::set_path` would keep a `%` of the name, and readers would decode it.
    let url = url::Url::from_file_path(path).ok().context("a folder has a full path")?;
    Ok(format!("sqlite://{}?mode=rwc", url.path()))
}

fn url(port: u16, password: &str) -> String {
    format!("postgres://{OWNER}:{password}@127.0.0.1:{port}/postgres")
}

async fn installed(program: &Path, dir: &Path) -> anyhow::Result<(String, Engine)> {
    // SIGQUIT ends Postgres without a checkpoint, and it removes its shared memory.
    let data_dir =
        DataDir::create(dir, "postgres", account::for_postgres()?, Signal::SIGQUIT)?;
    let (port, password) = (port::free()?, port::password()?);
    initialise(&program.with_file_name("initdb"), &data_dir, &password).await?;
    let mut args: Vec<OsString> = vec!["-D".into(), data_dir.path().join("data").into()];
    args.extend(["-p".into(), port.to_string().into()]);
    for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories="] {
        args.extend(["-c".into(), setting.into()]);
    }
    let spec = ServerSpec {
        program: program.to_owned(),
        args,
        secret_args: Vec::new(),
        port,
        probe: Probe::Postgres,
        stop: Signal::SIGINT,
        on_parent_exit: Signal::SIGQUIT,
    };
    let processes = ServerProcesses::start(spec, data_dir).await?;
    Ok((url(port, &password), Engine::Processes(processes)))
}

/// Creates the database cluster. The password is not on a command line, and its file is
/// removed before the server starts.
async fn initialise(
    initdb: &Path,
    data_dir: &DataDir,
    password: &str,
) -> anyhow::Result<()> {
    let file = data_dir.write("password", password)?;
    let mut command = data_dir.command(initdb, Signal::SIGKILL)?;
    command
        .arg("-D")
        .arg(data_dir.path().join("data"))
        .arg("--pwfile")
        .arg(&file)
        .args(["-U", OWNER, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C"])
        .arg("--no-sync")
        .current_dir(data_dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = Process::start(command).context("cannot start initdb")?;
    let stderr = child.stderr.take().context("standard error is piped")?;
    let mut stderr = Lines::read(stderr);
    if !ended(child.exit_status()).await.success() {
        bail!("initdb failed: {}", stderr.read_to_end().trim());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite_file::sqlite_file;

    #[test]
    fn sqlite_url_leads_back_to_its_file() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["plain", "a b", "ü", "100% #?", "a%20b"] {
            let folder = parent.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            let url = sqlite(&folder).unwrap();
            let file = folder.canonicalize().unwrap().join("records.sqlite");
            assert_eq!(sqlite_file(&url), Some(file), "{url}");
        }
    }
}
