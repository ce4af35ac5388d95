//! Redis: the server of this machine, a container of it, or the embedded one.

use crate::choice::{Found, choose};
use crate::container::{self, Container};
use crate::family::{Family, Spec};
use crate::home::Home;
use crate::kind::{Backing, What};
use crate::probe::Probe;
use crate::service::{Engine, Service};
use crate::{port, programs};
use nix::sys::signal::Signal;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A Redis that answers, with its data in a folder of its own below `dir`.
///
/// # Errors
/// When what was asked for is not here or does not start; the message says what to do.
pub async fn redis(backing: Backing, dir: &Path) -> anyhow::Result<Service> {
    let choice = choose(What::Redis, backing).await?;
    let (url, engine) = match &choice.found {
        Found::Url { url, .. } => (url.clone(), Engine::Nothing),
        Found::Image(image) => in_container(image).await?,
        Found::Program { path, .. } => installed(path, dir).await?,
        found => embedded(found, dir).await?,
    };
    Ok(Service::new(What::Redis, choice, url, engine))
}

fn url(port: u16, password: &str) -> String {
    format!("redis://:{password}@127.0.0.1:{port}")
}

/// What it keeps survives a kill: each change is in the append-only file before its reply
/// is sent, and nothing is evicted, because a session that is evicted is a logout.
fn configuration(port: u16, bind: &str, password: &str) -> String {
    format!(
        "port {port}\nbind {bind}\nrequirepass {password}\nappendonly yes\nsave \"\"\n\
         maxmemory-policy noeviction\ndaemonize no\n"
    )
}

async fn installed(program: &Path, dir: &Path) -> anyhow::Result<(String, Engine)> {
    let home = Home::make(dir, "redis", None, Signal::SIGKILL)?;
    let (port, password) = (port::free()?, port::password()?);
    // In a file, because a command line can be read by everybody.
    let file = home.write("redis.conf", &configuration(port, "127.0.0.1", &password))?;
    let spec = spec(program.to_owned(), vec![file.into()], port, &password);
    let family = Family::start(spec, home).await?;
    Ok((url(port, &password), Engine::Family(family)))
}

/// Its password stands on its command line: it takes one from nowhere else. It writes its
/// data down in an orderly stop only.
async fn embedded(found: &Found, dir: &Path) -> anyhow::Result<(String, Engine)> {
    let program = match found {
        Found::Crate { built: Some(program), .. } => program.clone(),
        _ => programs::build(&programs::MEEBIS).await?,
    };
    let home = Home::make(dir, "redis", None, Signal::SIGKILL)?;
    let (port, password) = (port::free()?, port::password()?);
    let data = home.path().join("dump.rdb");
    let args = ["--port".into(), port.to_string().into(), "--requirepass".into()];
    let mut args: Vec<OsString> = args.to_vec();
    args.extend([password.clone().into(), "--dumpfile".into(), data.into()]);
    let family = Family::start(spec(program, args, port, &password), home).await?;
    Ok((url(port, &password), Engine::Family(family)))
}

fn spec(program: PathBuf, args: Vec<OsString>, port: u16, password: &str) -> Spec {
    Spec {
        program,
        args,
        port,
        probe: Probe::Redis { password: password.to_owned() },
        stop: Signal::SIGTERM,
        at_our_end: Signal::SIGKILL,
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
        // From a file, because a command line can be read by everybody.
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
