//! Accounts and password checks.

use crate::passwords::{Busy, HashCost, PasswordChecks};
use crate::username::Username;
use crate::users_file::{self, UsersFileError};
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// The demo accounts that the first start creates.
pub const DEMO_USERS: [&str; 3] = ["alice", "bob", "carol"];

/// The credentials were not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// Unknown name or wrong password. The reply does not tell which.
    #[error("wrong user name or password")]
    Wrong,
    /// The password was not checked, because too many checks are waiting.
    #[error(transparent)]
    Busy(#[from] Busy),
}

/// All accounts, read once at the start. They are not session state: every replica with the same
/// file has the same accounts.
#[derive(Clone, Debug)]
pub struct Accounts {
    hashes: Arc<HashMap<Username, String>>,
    /// The hash that is checked for unknown names, so that the time does not reveal which names
    /// exist.
    decoy: Arc<str>,
    checks: PasswordChecks,
}

/// Name and password of a new account, to be shown once.
#[derive(Clone, PartialEq, Eq)]
pub struct GeneratedAccount {
    /// The user name.
    pub username: String,
    /// The password. Only its hash is stored.
    pub password: String,
}

impl std::fmt::Debug for GeneratedAccount {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "GeneratedAccount({})", self.username)
    }
}

impl Accounts {
    /// Reads `users`, or the file in the data folder. The first start creates that file with demo
    /// accounts, and prints their passwords once.
    ///
    /// # Errors
    /// When the file cannot be created or read, or is not valid.
    pub fn open(users: Option<&Path>, data_dir: &Path) -> Result<Self, UsersFileError> {
        if let Some(path) = users {
            return Self::read(path);
        }
        let path = data_dir.join("users.json");
        if let Some(fresh) = create_demo_accounts(&path, HashCost::Owasp)? {
            show_once(&path, &fresh)?;
        }
        Self::read(&path)
    }

    /// Reads a users file.
    ///
    /// # Errors
    /// When it cannot be read or is not valid.
    pub fn read(path: &Path) -> Result<Self, UsersFileError> {
        let users = users_file::read(path)?;
        let decoy = Arc::from(users[0].password_hash.as_str());
        let hashes =
            users.into_iter().map(|user| (user.username, user.password_hash)).collect();
        let checks = PasswordChecks::default();
        Ok(Self { hashes: Arc::new(hashes), decoy, checks })
    }

    /// Checks a password, and returns the account name.
    ///
    /// # Errors
    /// When name or password is wrong, or too many checks are waiting.
    pub async fn log_in(
        &self,
        username: &str,
        password: &str,
    ) -> Result<Username, LoginError> {
        let name = Username::parse(username).ok();
        let known = name
            .and_then(|name| self.hashes.get(&name).map(|hash| (name, hash.as_str())));
        let hash = known.as_ref().map_or(&*self.decoy, |(_, hash)| hash);
        let matches = self.checks.check(password, hash).await?;
        match known {
            Some((name, _)) if matches => Ok(name),
            _ => Err(LoginError::Wrong),
        }
    }
}

/// Prints the passwords of new demo accounts. If that fails, removes the file with their
/// hashes, because the passwords are lost and the next start has to create others.
///
/// # Errors
/// When standard output cannot be written, a closed pipe included.
pub fn show_once(path: &Path, fresh: &[GeneratedAccount]) -> Result<(), UsersFileError> {
    let mut text =
        format!("Demo accounts (shown once; hashes are in {}):\n", path.display());
    for account in fresh {
        text.push_str(&format!("  {:8} {}\n", account.username, account.password));
    }
    let mut output = std::io::stdout().lock();
    let shown = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    shown.map_err(|cause| {
        let _next_start_reports_it = std::fs::remove_file(path);
        UsersFileError::Show(cause)
    })
}

/// Creates the demo accounts with random passwords, unless the file exists. Returns the new
/// accounts.
///
/// # Errors
/// When the file cannot be written.
pub fn create_demo_accounts(
    path: &Path,
    cost: HashCost,
) -> Result<Option<Vec<GeneratedAccount>>, UsersFileError> {
    if path.exists() {
        return Ok(None);
    }
    let fresh = DEMO_USERS.map(|name| GeneratedAccount {
        username: name.to_owned(),
        password: random_password(),
    });
    let accounts =
        fresh.each_ref().map(|one| (one.username.as_str(), one.password.as_str()));
    let written = users_file::write(path, &accounts, cost)?;
    Ok(written.then(|| fresh.to_vec()))
}

/// A password of 80 random bits that is easy to read aloud.
///
/// # Panics
/// When the operating system provides no random numbers.
#[must_use]
pub fn random_password() -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).expect("the operating system's generator works");
    let mut password = String::with_capacity(19);
    for (at, byte) in bytes.iter().enumerate() {
        if at > 0 && at % 4 == 0 {
            password.push('-');
        }
        password.push(char::from(LETTERS[usize::from(byte % 32)]));
    }
    password
}
