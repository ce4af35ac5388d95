//! An object store with the S3 protocol, for replicas without a shared disk.

use crate::data_dir::DataDir;
use crate::found::Found;
use crate::kind::{Backing, ServiceType};
use crate::probe::Probe;
use crate::processes::{ServerProcesses, ServerSpec};
use crate::selection::select;
use crate::service::{Engine, Service};
use crate::{port, programs};
use anyhow::Context;
use nix::sys::signal::Signal;
use std::ffi::OsString;
use std::path::Path;

/// The bucket of a private store.
const BUCKET: &str = "uploads";

/// A store that is ready, with its data in its own folder below `dir`. Its URL is
/// `s3://KEY:SECRET@HOST:PORT/BUCKET?tls=no`, and the bucket exists.
///
/// # Errors
/// When the requested kind is missing or does not start; the message contains a remedy.
pub async fn s3(backing: Backing, dir: &Path) -> anyhow::Result<Service> {
    let selection = select(ServiceType::S3, backing).await?;
    let (url, engine) = match &selection.found {
        Found::Url { url, .. } => (url.clone(), Engine::External),
        found => built(found, dir).await?,
    };
    Ok(Service::new(ServiceType::S3, selection, url, engine))
}

/// The server takes its keys from its command line only, where the secret one is overwritten
/// as soon as the server listens.
async fn built(found: &Found, dir: &Path) -> anyhow::Result<(String, Engine)> {
    let program = match found {
        Found::Crate { built: Some(program), .. } => program.clone(),
        _ => programs::build(&programs::S3S_FS).await?,
    };
    let data_dir = DataDir::create(dir, "s3", None, Signal::SIGKILL)?;
    let data = data_dir.path().join("data");
    // The server stores a bucket as a folder.
    std::fs::create_dir_all(data.join(BUCKET)).context("cannot create the bucket")?;
    let (port, key, secret) = (port::free()?, port::password()?, port::password()?);
    let mut args: Vec<OsString> = Vec::new();
    args.extend(["--host".into(), "127.0.0.1".into()]);
    args.extend(["--port".into(), port.to_string().into()]);
    args.extend(["--access-key".into(), key.clone().into()]);
    args.extend(["--secret-key".into(), secret.clone().into()]);
    args.push(data.into());
    let spec = ServerSpec {
        program,
        args,
        secret_args: vec![secret.clone()],
        port,
        probe: Probe::Http,
        stop: Signal::SIGTERM,
        on_parent_exit: Signal::SIGKILL,
    };
    let processes = ServerProcesses::start(spec, data_dir).await?;
    let url = format!("s3://{key}:{secret}@127.0.0.1:{port}/{BUCKET}?tls=no");
    Ok((url, Engine::Processes(processes)))
}
