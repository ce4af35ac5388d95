//! Who may log in: accounts for one run, with names that no other run has.

use crate::story::Work;
use api_contract::Credentials;
use api_contract::secret::Secret;
use cluster::RunDir;
use std::path::PathBuf;
use upload_domain::accounts::random_password;
use upload_domain::passwords::{self, HashCost};
use upload_domain::users_file::{self, User};

/// Everybody's name and password.
#[derive(Debug)]
pub(crate) struct Accounts {
    pub(crate) all: Vec<Credentials>,
    pub(crate) file: PathBuf,
}

impl Accounts {
    /// Makes them up and writes the users file. A database that somebody named may know the
    /// users of an earlier run, so names are never given twice.
    ///
    /// All have one password and one hash of it: what a login costs the server is the same,
    /// and what is set up is not what is measured.
    pub(crate) fn make(
        users: usize,
        work: Work,
        folder: &RunDir,
    ) -> anyhow::Result<Self> {
        let run = uuid::Uuid::new_v4().simple().to_string();
        let password = Secret::new(random_password());
        let password_hash = passwords::hash(password.expose(), cost(work))?;
        let account = |number: usize| Credentials {
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

/// Where logins are what is measured, passwords cost what they cost. Elsewhere a login
/// only begins the story.
const fn cost(work: Work) -> HashCost {
    match work {
        Work::Logins => HashCost::Owasp,
        Work::Files | Work::Sessions | Work::SessionsAndUploads => HashCost::Least,
    }
}
