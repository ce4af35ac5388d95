//! The images, and whether there is an engine at all.

use crate::containers::engine::docker;
use std::path::Path;
use std::process::Command;
use tokio::sync::OnceCell;

pub(super) const POSTGRES: (&str, &str) = ("postgres", "15-bookworm");
pub(super) const REDIS: (&str, &str) = ("redis", "7-bookworm");
pub(super) const HAPROXY: (&str, &str) = ("haproxy", "2.6-bookworm");
pub(super) const UPLOAD_SERVER: (&str, &str) = ("stateless-lab/upload-server", "latest");
pub(super) const LOAD_BALANCER: (&str, &str) = ("stateless-lab/load-balancer", "latest");

/// Names what must be here: then a test without it fails instead of doing nothing.
const MUST_HAVE: &str = "LAB_MUST_HAVE";

/// Says that `scripts/program-images` has just run, as it has in `.ci/run`.
const ARE_MADE: &str = "LAB_PROGRAM_IMAGES_ARE_MADE";

/// Whether containers can be run here. Says so if not: a test that does nothing must not
/// look like one that has passed.
pub(super) async fn are_here() -> bool {
    static MADE: OnceCell<Result<(), String>> = OnceCell::const_new();
    let Err(reason) = MADE.get_or_init(|| async { make() }).await else { return true };
    let must_have = std::env::var(MUST_HAVE).unwrap_or_default();
    let must = must_have.split(' ').any(|one| one == "container");
    assert!(!must, "{MUST_HAVE} names container: {reason}");
    eprintln!("SKIPPED the suite on containers: {reason}");
    false
}

/// The images of our own programs are made here, so that it is never yesterday's program
/// that is tested.
fn make() -> Result<(), String> {
    docker(&["version"]).map_err(|_| "no Docker engine answers".to_owned())?;
    for (name, tag) in [POSTGRES, REDIS, HAPROXY] {
        let image = format!("{name}:{tag}");
        docker(&["image", "inspect", &image])
            .map_err(|_| format!("the engine has no {image}: scripts/images gets it"))?;
    }
    if std::env::var_os(ARE_MADE).is_some() {
        return Ok(());
    }
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let made = Command::new(top.join("scripts/program-images")).output();
    let made = made.map_err(|error| format!("scripts/program-images: {error}"))?;
    // Whoever can run containers and cannot build the programs has found a fault.
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "scripts/program-images failed: {said}");
    Ok(())
}
