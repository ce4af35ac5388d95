//! Installed programs, and programs that cargo builds.

use crate::found::{Crate, Found};
use anyhow::{Context, bail};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The oldest supported major version of Postgres.
const MIN_POSTGRES_VERSION: u32 = 15;

/// The oldest supported major version of Redis.
const MIN_REDIS_VERSION: u32 = 6;

/// A small in-memory server with the Redis protocol.
pub(crate) const MEEBIS: Crate =
    Crate { name: "meebis", version: "0.15.0", features: "", profile: "release" };

/// A small server with the S3 protocol that stores objects in a folder. An optimised build takes
/// minutes, and its speed is not measured.
pub(crate) const S3S_FS: Crate =
    Crate { name: "s3s-fs", version: "0.14.1", features: "binary", profile: "dev" };

/// `redis-server` or `valkey-server`.
pub(crate) fn redis_server() -> Result<Found, String> {
    for name in ["redis-server", "valkey-server"] {
        let Some(path) = on_path(name) else { continue };
        let output = version(&path).unwrap_or_default();
        let number = output.split("v=").nth(1).and_then(|rest| rest.split(' ').next());
        let number = number.unwrap_or("0").to_owned();
        if major(&number) >= MIN_REDIS_VERSION {
            return Ok(Found::Program { path, version: format!("{name} {number}") });
        }
        return Err(format!("{name} {number} is older than {MIN_REDIS_VERSION}"));
    }
    Err("redis-server is not installed".to_owned())
}

/// The newest `postgres` with an `initdb` beside it.
pub(crate) fn postgres() -> Result<Found, String> {
    let mut newest: Option<(u32, PathBuf, String)> = None;
    for path in postgres_binaries() {
        let output = version(&path).unwrap_or_default();
        let number = output.split_whitespace().nth(2).unwrap_or("0").to_owned();
        let major = major(&number);
        if newest.as_ref().is_none_or(|(other, ..)| major > *other) {
            newest = Some((major, path, number));
        }
    }
    match newest {
        None => Err("postgres is not installed".to_owned()),
        Some((major, _, number)) if major < MIN_POSTGRES_VERSION => {
            Err(format!("postgres {number} is older than {MIN_POSTGRES_VERSION}"))
        }
        Some((_, path, number)) => {
            Ok(Found::Program { path, version: format!("postgres {number}") })
        }
    }
}

/// The installed Postgres servers. Debian has a folder for each version, outside of PATH.
fn postgres_binaries() -> Vec<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = debian.map(|version| version.path().join("bin/postgres"));
    let on_path = on_path("postgres").and_then(|path| path.canonicalize().ok());
    let complete =
        |path: &PathBuf| path.is_file() && path.with_file_name("initdb").is_file();
    debian.chain(on_path).filter(complete).collect()
}

/// A program that cargo has built or can build.
pub(crate) fn find_crate(wanted: &'static Crate) -> Result<Found, String> {
    let name = wanted.name;
    let built = on_path(name).or_else(|| {
        let built = cache_dir()?.join("bin").join(name);
        built.is_file().then_some(built)
    });
    if built.is_none() && on_path("cargo").is_none() {
        return Err(format!(
            "{name} is not installed, and cargo, which builds it, is missing"
        ));
    }
    Ok(Found::Crate { of: wanted, built })
}

/// Builds a program into the lab's cache folder, once, and prints a message.
pub(crate) async fn build(wanted: &'static Crate) -> anyhow::Result<PathBuf> {
    tokio::task::spawn_blocking(|| build_now(wanted)).await?
}

fn build_now(wanted: &Crate) -> anyhow::Result<PathBuf> {
    let Crate { name, version, features, profile } = wanted;
    let root = cache_dir().context("neither XDG_CACHE_HOME nor HOME is set")?;
    let folder = root.display();
    std::fs::create_dir_all(&root).with_context(|| format!("cannot create {folder}"))?;
    let lock = std::fs::File::create(root.join(format!("{name}.lock")));
    let lock = lock.with_context(|| format!("cannot write into {folder}"))?;
    lock.lock().with_context(|| format!("cannot lock {folder}"))?;
    let program = root.join("bin").join(name);
    if program.is_file() {
        return Ok(program);
    }
    let note = format!(
        "building {name} {version} with cargo into {folder}: once, in minutes, with \
         the network\n"
    );
    let _closed_pipe = std::io::stderr().write_all(note.as_bytes());
    let output = Command::new("cargo")
        .args(["install", name, "--version", version, "--locked", "--quiet"])
        .args(["--features", features, "--profile", profile, "--root"])
        .arg(&root)
        // Outside of any workspace and target folder.
        .current_dir(&root)
        .env_remove("CARGO_TARGET_DIR")
        .env("CARGO_PROFILE_DEV_DEBUG", "none")
        .stdin(Stdio::null())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() || !program.is_file() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let last = stderr.lines().rev().find(|line| !line.trim().is_empty());
        bail!("cargo could not build {name}: {}", last.unwrap_or("no output"));
    }
    Ok(program)
}

/// The lab's cache folder: `stateless-lab` in the user's cache folder.
fn cache_dir() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|path| !path.is_empty());
    let cache = folder("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(Path::new(&folder("HOME")?).join(".cache")))?;
    cache.is_absolute().then(|| cache.join("stateless-lab"))
}

/// The first file of that name in PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

fn version(program: &Path) -> Option<String> {
    let output =
        Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The number before the first dot; 0 if there is none.
fn major(version: &str) -> u32 {
    let digits = version.split(|c: char| !c.is_ascii_digit()).next();
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}
