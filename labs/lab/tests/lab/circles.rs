//! Import circles: groups of files that import each other, directly or through other files.
//! Such files can only be read together, so their number and their size are limited.
//!
//! A `use` item is an import. A path in an expression is none: a parent that calls
//! `child::run()` lists its parts.

mod imports;

use crate::markdown::top;
use imports::Crate;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The largest number of circles in the tree.
const MAX_CIRCLES: usize = 8;

/// The largest number of files in a circle.
const MAX_FILES: usize = 8;

/// A circle that is allowed: its files below `folder`, and the reason.
struct Allowed {
    folder: &'static str,
    files: &'static [&'static str],
    reason: &'static str,
}

const ALLOWED: [Allowed; 8] = [
    Allowed {
        folder: "phase2-production/upload-server/src",
        files: &["identity.rs", "state.rs"],
        reason: "an extractor of axum reads the state, and the state holds what it extracts",
    },
    Allowed {
        folder: "phase2-production/upload-server/src/sessions",
        files: &["central.rs", "central/database.rs"],
        reason: "a lookup goes to Redis, then to the database, and back with a copy for Redis",
    },
    Allowed {
        folder: "phase2-production/upload-server/src",
        files: &[
            "tokens.rs",
            "tokens/access.rs",
            "tokens/refresh.rs",
            "tokens/revocation.rs",
            "tokens/revocation/cached.rs",
            "tokens/revocation/deny.rs",
            "tokens/revocation/deny_list.rs",
            "tokens/revocation/version.rs",
        ],
        reason: "a revocation check reads the claims of a token, and a token needs the check",
    },
    Allowed {
        folder: "phase2-production/stores/gossip/src",
        files: &["background.rs", "node.rs"],
        reason: "a node starts its tasks, and the tasks work on the node",
    },
    Allowed {
        folder: "phase2-production/load-balancer/src",
        files: &["backends/backend.rs", "driver.rs", "pool.rs", "request_body.rs"],
        reason: "a backend owns its pool, and a connection of the pool counts at its backend",
    },
    Allowed {
        folder: "phase2-production/load-balancer/src",
        files: &[
            "balancer.rs",
            "connections.rs",
            "dns.rs",
            "exchange.rs",
            "raw_refusal.rs",
            "refusals.rs",
            "upgrade.rs",
        ],
        reason: "the balancer starts its tasks, and each task works on the balancer",
    },
    Allowed {
        folder: "labs/harness/launcher/src",
        files: &[
            "cluster.rs",
            "cluster/plan.rs",
            "cluster/reconciler.rs",
            "cluster/services.rs",
            "cluster/shared.rs",
        ],
        reason: "a cluster starts its reconciler, which works on the shared state of the cluster",
    },
    Allowed {
        folder: "loadtests/src",
        files: &["run_state.rs", "user_client.rs", "virtual_user.rs"],
        reason: "a run hands out its users, and each of them records its requests in the run",
    },
];

/// Every circle of the workspace, as the sorted paths of its files.
fn circles() -> BTreeSet<BTreeSet<String>> {
    let crates = Crate::of_workspace();
    assert!(crates.len() > 30, "only {} crates were found", crates.len());
    let circles = crates.iter().flat_map(Crate::circles);
    let path = |file: &PathBuf| {
        let below = file.strip_prefix(top()).expect("a file of the repository");
        below.to_string_lossy().into_owned()
    };
    circles.map(|files| files.iter().map(path).collect()).collect()
}

fn allowed() -> BTreeSet<BTreeSet<String>> {
    let files = |one: &Allowed| {
        assert!(one.reason.len() > 20, "{}: the circle has no reason", one.folder);
        one.files.iter().map(|file| format!("{}/{file}", one.folder)).collect()
    };
    ALLOWED.iter().map(files).collect()
}

#[test]
fn only_listed_files_import_each_other() {
    let (found, allowed) = (circles(), allowed());
    let new: Vec<_> = found.difference(&allowed).collect();
    let gone: Vec<_> = allowed.difference(&found).collect();
    assert!(new.is_empty(), "these files import each other: {new:#?}");
    assert!(gone.is_empty(), "remove these from ALLOWED: {gone:#?}");
}

#[test]
fn allowed_circles_are_few_and_small() {
    let allowed = allowed();
    assert!(allowed.len() <= MAX_CIRCLES, "{} circles", allowed.len());
    for files in &allowed {
        assert!(files.len() <= MAX_FILES, "{} files: {files:?}", files.len());
        let pair = files.iter().any(|file| file.starts_with("phase1-mockup/state"));
        assert!(!pair, "the two servers of Phase 1 have no circles: {files:?}");
    }
}

/// The circles of a crate with these files, as sorted names.
fn circles_of(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("the file is written");
    }
    let name =
        |path: &PathBuf| path.file_name().expect("a file").to_string_lossy().into_owned();
    let circles = Crate::read(&folder.path().join("lib.rs")).circles();
    let sorted = |files: &BTreeSet<PathBuf>| {
        let mut names: Vec<String> = files.iter().map(name).collect();
        names.sort_unstable();
        names
    };
    circles.iter().map(sorted).collect()
}

const LIB: (&str, &str) = ("lib.rs", "mod a; mod b; mod c;");

#[test]
fn circle_over_three_files_is_found() {
    let a = ("a.rs", "use crate::b::B; pub struct A;");
    let b = ("b.rs", "use crate::{c::C}; pub struct B;");
    let c = ("c.rs", "use crate::a::A; pub struct C;");
    assert_eq!(circles_of(&[LIB, a, b, c]), [["a.rs", "b.rs", "c.rs"]]);
}

#[test]
fn parent_and_child_that_import_each_other_are_found() {
    let lib = ("lib.rs", "mod a;");
    let a = ("a.rs", "mod b; use b::B; pub struct A;");
    let b = ("a/b.rs", "use super::A; pub struct B;");
    assert_eq!(circles_of(&[lib, a, b]), [["a.rs", "b.rs"]]);
}

#[test]
fn import_through_a_reexport_leads_to_the_definition() {
    let lib = ("lib.rs", "mod a; mod b; pub use a::A; pub use b::B;");
    let a = ("a.rs", "pub struct A;");
    let b = ("b.rs", "use crate::A; pub struct B;");
    assert_eq!(circles_of(&[lib, a, b]), [[""; 0]; 0]);
    let a = ("a.rs", "use crate::B; pub struct A;");
    assert_eq!(circles_of(&[lib, a, b]), [["a.rs", "b.rs"]]);
}

#[test]
fn tests_of_a_file_may_import_anything() {
    let a = ("a.rs", "pub struct A; #[cfg(test)] mod tests { use crate::b::B; }");
    let b = ("b.rs", "use crate::a::A; pub struct B;");
    let c = ("c.rs", "");
    assert_eq!(circles_of(&[LIB, a, b, c]), [[""; 0]; 0]);
}
