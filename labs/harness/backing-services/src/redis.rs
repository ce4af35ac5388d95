//! Redis: an installed server, a container, or the embedded server.

use crate::container::{self, Container};
use crate::data_dir::DataDir;
use crate::found::Found;
use crate::kind::{Backing, ServiceType};
use crate::probe::Probe;
use crate::processes::{ServerProcesses, ServerSpec};
use crate::selection::select;
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
        Found::Program { path, .. } => {
            installed(path, dir, &RedisOptions::default()).await?
        }
        found => embedded(found, dir).await?,
    };
    Ok(Service::new(ServiceType::Redis, selection, url, engine))
}

/// Settings of an installed Redis that differ from those of [`redis`]: for tests.
#[derive(Clone, Debug, Default)]
pub struct RedisOptions {
    /// Lines after the others in its configuration file.
    pub configuration: String,
    /// Variables of its environment as `NAME=value`, such as `LD_PRELOAD=…`.
    pub environment: Vec<OsString>,
}

/// An installed Redis with these settings, in a folder of its own below `dir`.
///
/// # Errors
/// When none is installed, or it does not start.
pub async fn redis_with(options: &RedisOptions, dir: &Path) -> anyhow::Result<Service> {
    let selection = select(ServiceType::Redis, Backing::Local).await?;
    let Found::Program { path, .. } = &selection.found else {
        anyhow::bail!("no Redis is installed");
    };
    let (url, engine) = installed(path, dir, options).await?;
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

async fn installed(
    program: &Path,
    dir: &Path,
    options: &RedisOptions,
) -> anyhow::Result<(String, Engine)> {
    let data_dir = DataDir::create(dir, "redis", None, Signal::SIGKILL)?;
    let (port, password) = (port::free()?, port::password()?);
    // In a file, because every user can read command lines.
    let configuration =
        configuration(port, "127.0.0.1", &password) + &options.configuration;
    let file = data_dir.write("redis.conf", &configuration)?;
    let mut args = options.environment.clone();
    args.extend([program.into(), file.into()]);
    // env(1) sets the variables and becomes the server.
    let spec = spec(PathBuf::from("env"), args, port, &password);
    let processes = ServerProcesses::start(spec, data_dir).await?;
    Ok((url(port, &password), Engine::Processes(processes)))
}

/// The embedded server takes its password from its command line only, where it is overwritten
/// as soon as the server listens. It writes its data only in an orderly stop.
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
    let secret_args = vec![password.clone()];
    let spec = ServerSpec { secret_args, ..spec(program, args, port, &password) };
    let processes = ServerProcesses::start(spec, data_dir).await?;
    Ok((url(port, &password), Engine::Processes(processes)))
}

fn spec(program: PathBuf, args: Vec<OsString>, port: u16, password: &str) -> ServerSpec {
    ServerSpec {
        program,
        args,
        secret_args: Vec::new(),
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
