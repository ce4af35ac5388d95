//! Redis: an installed server, a container, or the embedded server.

use crate::container::{self, Container};
use crate::data_dir::DataDir;
use crate::kind::{Backing, ServiceType};
use crate::probe::Probe;
use crate::processes::{ServerProcesses, ServerSpec};
use crate::selection::{Found, select};
use crate::service::{Engine, Service};
use crate::{port, programs};
use nix::sys::signal::Signal;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A Redis that is ready, with its data in its own folder below `dir`.
///
/// # Errors
/// When the requested kind is missing or does not start; the message contains a remedy.
pub async fn redis(backing: Backing, dir: &Path) -> anyhow::Result<Service> {
    let selection = select(ServiceType::Redis, backing).await?;
    let (url, engine) = match &selection.found {
        Found::Url { url, .. } => (url.clone(), Engine::External),
        Found::Image(image) => in_container(image).await?,
        Found::Program { path, .. } => installed(path, dir).await?,
        found => embedded(found, dir).await?,
    };
    Ok(Service::new(ServiceType::Redis, selection, url, engine))
}

fn url(port: u16, password: &str) -> String {
    format!("redis://:{password}@127.0.0.1:{port}")
}

/// Data survives a kill: each change is in the append-only file before its reply is sent.
/// Nothing is evicted, because evicting a session is a logout.
fn configuration(port: u16, bind: &str, password: &str) -> String {
    format!(
        "port {port}\nbind {bind}\nrequirepass {password}\nappendonly yes\nsave \"\"\n\
         maxmemory-policy noeviction\ndaemonize no\n"
    )
}

async fn installed(program: &Path, dir: &Path) -> anyhow::Result<(String, Engine)> {
    let data_dir = DataDir::create(dir, "redis", None, Signal::SIGKILL)?;
    let (port, password) = (port::free()?, port::password()?);
    // In a file, because every user can read command lines.
    let file =
        data_dir.write("redis.conf", &configuration(port, "127.0.0.1", &password))?;
    let spec = spec(program.to_owned(), vec![file.into()], port, &password);
    let processes = ServerProcesses::start(spec, data_dir).await?;
    Ok((url(port, &password), Engine::Processes(processes)))
}

/// The password is on the command line, because the embedded server takes it from nowhere
/// else. It writes its data only in an orderly stop.
async fn embedded(found: &Found, dir: &Path) -> anyhow::Result<(String, Engine)> {
    let program = match found {
        Found::Crate { built: Some(program), .. } => program.clone(),
        _ => programs::build(&programs::MEEBIS).await?,
    };
    let data_dir = DataDir::create(dir, "redis", None, Signal::SIGKILL)?;
    let (port, password) = (port::free()?, port::password()?);
    let data = data_dir.path().join("dump.rdb");
    let args = ["--port".into(), port.to_string().into(), "--requirepass".into()];
    let mut args: Vec<OsString> = args.to_vec();
    args.extend([password.clone().into(), "--dumpfile".into(), data.into()]);
    let processes =
        ServerProcesses::start(spec(program, args, port, &password), data_dir).await?;
    Ok((url(port, &password), Engine::Processes(processes)))
}

fn spec(program: PathBuf, args: Vec<OsString>, port: u16, password: &str) -> ServerSpec {
    ServerSpec {
        program,
        args,
        port,
        probe: Probe::Redis { password: password.to_owned() },
        stop: Signal::SIGTERM,
        on_parent_exit: Signal::SIGKILL,
    }
}

async fn in_container(image: &'static str) -> anyhow::Result<(String, Engine)> {
    let password = port::password()?;
    let probe = Probe::Redis { password: password.clone() };
    let run = container::Run {
        name: "redis",
        image,
        port: 6379,
        user: Some("redis"),
        environment: vec![(
            "REDIS_CONFIGURATION",
            configuration(6379, "0.0.0.0", &password),
        )],
        // In a file, because every user can read command lines.
        command: vec![
            "sh",
            "-c",
            "cd /data && printf %s \"$REDIS_CONFIGURATION\" >/tmp/redis.conf && \
             exec redis-server /tmp/redis.conf",
        ],
        probe,
    };
    let container = Container::run(run).await?;
    Ok((url(container.port(), &password), Engine::Container(container)))
}
