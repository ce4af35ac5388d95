//! A store that speaks S3's language, for replicas that share no disk.

use crate::choice::{Found, choose};
use crate::family::{Family, Spec};
use crate::home::Home;
use crate::kind::{Backing, What};
use crate::probe::Probe;
use crate::service::{Engine, Service};
use crate::{port, programs};
use anyhow::Context;
use nix::sys::signal::Signal;
use std::ffi::OsString;
use std::path::Path;

/// The bucket of a store that was started here.
const BUCKET: &str = "uploads";

/// A store that answers, with its data in a folder of its own below `dir`. Its URL is
/// `s3://KEY:SECRET@HOST:PORT/BUCKET?tls=no`, and the bucket is there.
///
/// # Errors
/// When what was asked for is not here or does not start; the message says what to do.
pub async fn s3(backing: Backing, dir: &Path) -> anyhow::Result<Service> {
    let choice = choose(What::S3, backing).await?;
    let (url, engine) = match &choice.found {
        Found::Url { url, .. } => (url.clone(), Engine::Nothing),
        found => built(found, dir).await?,
    };
    Ok(Service::new(What::S3, choice, url, engine))
}

/// Its keys stand on its command line: it takes them from nowhere else.
async fn built(found: &Found, dir: &Path) -> anyhow::Result<(String, Engine)> {
    let program = match found {
        Found::Crate { built: Some(program), .. } => program.clone(),
        _ => programs::build(&programs::S3S_FS).await?,
    };
    let home = Home::make(dir, "s3", None, Signal::SIGKILL)?;
    let data = home.path().join("data");
    // A bucket is a folder to it.
    std::fs::create_dir_all(data.join(BUCKET)).context("cannot make the bucket")?;
    let (port, key, secret) = (port::free()?, port::password()?, port::password()?);
    let mut args: Vec<OsString> = Vec::new();
    args.extend(["--host".into(), "127.0.0.1".into()]);
    args.extend(["--port".into(), port.to_string().into()]);
    args.extend(["--access-key".into(), key.clone().into()]);
    args.extend(["--secret-key".into(), secret.clone().into()]);
    args.push(data.into());
    let spec = Spec {
        program,
        args,
        port,
        probe: Probe::Http,
        stop: Signal::SIGTERM,
        at_our_end: Signal::SIGKILL,
    };
    let family = Family::start(spec, home).await?;
    let url = format!("s3://{key}:{secret}@127.0.0.1:{port}/{BUCKET}?tls=no");
    Ok((url, Engine::Family(family)))
}
