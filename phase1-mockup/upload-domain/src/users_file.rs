//! The users file: the accounts with their password hashes.

mod change;

use crate::passwords::{self, HashCost, HashError};
use crate::username::{NotAUsername, Username};
pub use change::change;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct UsersFile {
    users: Vec<User>,
}

/// A stored account.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The account name.
    pub username: Username,
    /// Argon2 hash in PHC string form.
    pub password_hash: String,
    /// The organisation (tenant) of the account, such as `physics` (Phase 2; Phase 1 ignores
    /// it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// Whether the account is an admin of its organisation (Phase 2).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub admin: bool,
    /// Whether the account is an operator: it may rotate the signing keys of the whole
    /// service (Phase 2).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub operator: bool,
}

impl User {
    /// An account of the default organisation, neither admin nor operator.
    ///
    /// # Errors
    /// When the name is not valid.
    pub fn new(username: &str, password_hash: String) -> Result<Self, NotAUsername> {
        let username = Username::parse(username)?;
        Ok(Self {
            username,
            password_hash,
            organisation: None,
            admin: false,
            operator: false,
        })
    }
}

/// The users file cannot be used. The message has advice.
#[derive(Debug, thiserror::Error)]
pub enum UsersFileError {
    /// It cannot be read.
    #[error("cannot read the users file {path}: check the path and its permissions")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// It does not have the expected form.
    #[error(
        "the users file {path} is not valid: {reason}. Expected \
         {{\"users\": [{{\"username\": \"alice\", \"password_hash\": \"$argon2id$...\"}}]}}"
    )]
    Form {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// It cannot be written.
    #[error("cannot write the users file {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// The passwords of new accounts cannot be printed.
    #[error(
        "cannot show the passwords of the demo accounts: give --users, or start the \
             server with a standard output that can be written"
    )]
    Show(#[source] io::Error),
    /// An account name is not valid.
    #[error(transparent)]
    Name(#[from] NotAUsername),
    /// Hashing failed.
    #[error(transparent)]
    Hash(#[from] HashError),
}

/// Reads and checks a users file.
///
/// # Errors
/// When it cannot be read, has another form, or contains no account.
pub fn read(path: &Path) -> Result<Vec<User>, UsersFileError> {
    let bad = |reason: String| UsersFileError::Form { path: path.to_owned(), reason };
    let text = fs::read(path)
        .map_err(|cause| UsersFileError::Read { path: path.to_owned(), cause })?;
    let file: UsersFile =
        serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
    if file.users.is_empty() {
        return Err(bad("it has no accounts".to_owned()));
    }
    let mut names = HashSet::new();
    for user in &file.users {
        if !names.insert(&user.username) {
            return Err(bad(format!("it has two accounts named {}", user.username)));
        }
        if !passwords::is_hash(&user.password_hash) {
            let name = &user.username;
            return Err(bad(format!("the password hash of {name} is not Argon2")));
        }
    }
    Ok(file.users)
}

/// Writes a users file with mode 0600. Returns `false` if it exists and leaves it unchanged: if
/// two replicas start at once, the file of the first one is kept.
///
/// # Errors
/// When a name is not valid or the file cannot be written.
pub fn write(
    path: &Path,
    accounts: &[(&str, &str)],
    cost: HashCost,
) -> Result<bool, UsersFileError> {
    let users = accounts
        .iter()
        .map(|(name, password)| Ok(User::new(name, passwords::hash(password, cost)?)?));
    write_users(path, users.collect::<Result<_, UsersFileError>>()?)
}

/// The same for accounts with hashed passwords.
///
/// # Errors
/// When the file cannot be written.
pub fn write_users(path: &Path, users: Vec<User>) -> Result<bool, UsersFileError> {
    write_once(path, &UsersFile { users })
        .map_err(|cause| UsersFileError::Write { path: path.to_owned(), cause })
}

fn write_once(path: &Path, file: &UsersFile) -> io::Result<bool> {
    let draft = draft_of(path);
    let linked = write_draft(&draft, file).and_then(|_draft| fs::hard_link(&draft, path));
    let _draft_is_not_needed = fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        linked => linked.map(|()| true),
    }
}

/// A new name beside the file.
fn draft_of(path: &Path) -> PathBuf {
    path.with_extension(format!("{}.draft", uuid::Uuid::new_v4().simple()))
}

/// Writes a durable draft with mode 0600.
fn write_draft(draft: &Path, file: &UsersFile) -> io::Result<fs::File> {
    let mut out =
        fs::File::options().write(true).create_new(true).mode(0o600).open(draft)?;
    serde_json::to_writer_pretty(&mut out, file)?;
    out.sync_all()?;
    Ok(out)
}
