//! The accounts of one run; their names are unique across runs.

use crate::load_test::Workload;
use api_contract::LoginRequest;
use api_contract::secret::Secret;
use launcher::RunDir;
use std::path::PathBuf;
use upload_domain::accounts::random_password;
use upload_domain::passwords::{self, HashCost};
use upload_domain::users_file::{self, User};

/// The names and passwords.
#[derive(Debug)]
pub(crate) struct Accounts {
    pub(crate) all: Vec<LoginRequest>,
    pub(crate) file: PathBuf,
}

impl Accounts {
    /// Creates the accounts and writes the users file. An external database may hold the users
    /// of an earlier run, so names are never reused.
    pub(crate) fn create(
        users: usize,
        workload: Workload,
        folder: &RunDir,
    ) -> anyhow::Result<Self> {
        let run = uuid::Uuid::new_v4().simple().to_string();
        let password = Secret::new(random_password());
        let password_hash = passwords::hash(password.expose(), cost(workload))?;
        let account = |number: usize| LoginRequest {
            username: format!("u-{}-{number}", &run[..8]),
            password: password.clone(),
        };
        let all: Vec<_> = (1..=users).map(account).collect();
        let users =
            all.iter().map(|account| User::new(&account.username, password_hash.clone()));
        let file = folder.path().join("users.json");
        users_file::write_users(&file, users.collect::<Result<_, _>>()?)?;
        Ok(Self { all, file })
    }
}

/// Tests of logins use the production cost of password hashes. In other tests a login is
/// only preparation.
const fn cost(workload: Workload) -> HashCost {
    match workload {
        Workload::Logins => HashCost::Owasp,
        Workload::Files | Workload::Sessions | Workload::SessionsAndUploads => {
            HashCost::Minimal
        }
    }
}
