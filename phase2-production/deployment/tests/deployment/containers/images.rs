//! The images, and the check for a Docker engine.

use crate::containers::engine::docker;
use std::path::Path;
use std::process::Command;
use tokio::sync::OnceCell;

pub(super) const POSTGRES: (&str, &str) = ("postgres", "15-bookworm");
pub(super) const REDIS: (&str, &str) = ("redis", "7-bookworm");
pub(super) const HAPROXY: (&str, &str) = ("haproxy", "2.6-bookworm");
pub(super) const UPLOAD_SERVER: (&str, &str) = ("stateless-lab/upload-server", "latest");
pub(super) const LOAD_BALANCER: (&str, &str) = ("stateless-lab/load-balancer", "latest");

/// The environment variable with the required services. If one is missing, its
/// test fails.
const MUST_HAVE: &str = "LAB_MUST_HAVE";

/// Set by `.ci/run`, which has run `scripts/program-images`.
const PROGRAM_IMAGES_ARE_MADE: &str = "LAB_PROGRAM_IMAGES_ARE_MADE";

/// Whether containers can run on this machine. If not, it prints that, because the test is
/// skipped.
pub(super) async fn are_available() -> bool {
    static IMAGES: OnceCell<Result<(), String>> = OnceCell::const_new();
    let Err(reason) = IMAGES.get_or_init(|| async { make() }).await else { return true };
    let must_have = std::env::var(MUST_HAVE).unwrap_or_default();
    let required = must_have.split(' ').any(|name| name == "container");
    assert!(!required, "{MUST_HAVE} has container: {reason}");
    eprintln!("SKIPPED the suite on containers: {reason}");
    false
}

/// Makes the images of the lab's programs, so that the tests run the current programs.
fn make() -> Result<(), String> {
    docker(&["version"]).map_err(|_| "the Docker engine does not answer".to_owned())?;
    for (name, tag) in [POSTGRES, REDIS, HAPROXY] {
        let image = format!("{name}:{tag}");
        docker(&["image", "inspect", &image])
            .map_err(|_| format!("the engine has no {image}: run scripts/images"))?;
    }
    if std::env::var_os(PROGRAM_IMAGES_ARE_MADE).is_some() {
        return Ok(());
    }
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let made = Command::new(top.join("scripts/program-images")).output();
    let made = made.map_err(|error| format!("scripts/program-images: {error}"))?;
    // With a working engine, a failed build is a defect and not a reason to skip.
    let stderr = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "scripts/program-images failed: {stderr}");
    Ok(())
}
