//! The accounts of a cluster.

use crate::run_dir::RunDir;
use crate::topology::{Topology, Users};
use anyhow::Context;
use std::path::PathBuf;
use upload_domain::accounts::{self, GeneratedAccount};
use upload_domain::passwords::HashCost;
use upload_domain::users_file;

/// The users file, and the accounts that were generated for it.
pub(super) fn users(
    topology: &Topology,
    run_dir: &RunDir,
) -> anyhow::Result<(PathBuf, Vec<GeneratedAccount>)> {
    match &topology.users {
        Users::File(path) => Ok((path.clone(), Vec::new())),
        Users::WithPassword(password) => {
            let path = run_dir.path().join("users.json");
            let accounts = accounts::DEMO_USERS.map(|name| (name, password.expose()));
            users_file::write(&path, &accounts, HashCost::Owasp)?;
            Ok((path, Vec::new()))
        }
        Users::Generated => {
            let dir = topology.data_dir.as_deref().unwrap_or(run_dir.path());
            std::fs::create_dir_all(dir).with_context(|| {
                format!("cannot use the data folder {}", dir.display())
            })?;
            let path = dir.join("users.json");
            let fresh = accounts::create_demo_accounts(&path, HashCost::Owasp)?;
            Ok((path, fresh.unwrap_or_default()))
        }
    }
}
