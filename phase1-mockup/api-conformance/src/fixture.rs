//! The files that a server needs: a data folder, a users file, a key. They are created for one
//! test and removed after it.

use crate::process::Server;
use crate::target::Target;
use anyhow::Context;
use api_contract::LoginRequest;
use api_contract::secret::Secret;
use client::AuthScheme;
use std::any::Any;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use upload_domain::accounts::random_password;
use upload_domain::passwords::HashCost;
use upload_domain::users_file;

/// The upload limit of the started servers in bytes, larger than the limit of JSON content.
pub const MAX_UPLOAD: usize = 2 * 1024 * 1024;

/// A folder with the persistent state of a server. Clones share it. Several servers on it at a
/// time are replicas; one after the other is a restart.
#[derive(Clone, Debug)]
pub struct Fixture {
    folder: Arc<TempDir>,
    /// The first account.
    pub alice: LoginRequest,
    /// The second account.
    pub bob: LoginRequest,
}

impl Fixture {
    /// A new folder with a token key and two accounts with random passwords.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn new() -> anyhow::Result<Self> {
        let fixture = Self {
            folder: Arc::new(tempfile::tempdir()?),
            alice: account("alice"),
            bob: account("bob"),
        };
        fixture.write_users_file()?;
        std::fs::write(fixture.token_key_file(), random_password().repeat(2))?;
        Ok(fixture)
    }

    /// Writes the users file with the cheapest hash, because the tests do not need a hash that
    /// resists guessing.
    fn write_users_file(&self) -> anyhow::Result<()> {
        let accounts = [&self.alice, &self.bob]
            .map(|one| (one.username.as_str(), one.password.expose()));
        users_file::write(&self.users_file(), &accounts, HashCost::Minimal)
            .context("the users file of a test")?;
        Ok(())
    }

    /// The folder itself, for additional files of a test.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The data folder.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// The users file.
    #[must_use]
    pub fn users_file(&self) -> PathBuf {
        self.folder().join("users.json")
    }

    /// The file of the key that signs tokens.
    #[must_use]
    pub fn token_key_file(&self) -> PathBuf {
        self.folder().join("token-key")
    }

    /// The common flags of all servers, followed by `more`.
    #[must_use]
    pub fn flags(&self, more: &[&str]) -> Vec<String> {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let (data, users) = (text(self.data_dir()), text(self.users_file()));
        let max_upload = MAX_UPLOAD.to_string();
        let common = [
            ("--listen", "127.0.0.1:0"),
            ("--admin-listen", "127.0.0.1:0"),
            ("--data-dir", &data),
            ("--users", &users),
            ("--max-upload", &max_upload),
        ];
        let common = common.into_iter().flat_map(|(flag, value)| [flag, value]);
        common.chain(more.iter().copied()).map(str::to_owned).collect()
    }

    /// Starts a server on this folder.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(
        &self,
        program: &str,
        auth_scheme: AuthScheme,
        more: &[&str],
    ) -> anyhow::Result<Started> {
        self.start_by(program, &[], auth_scheme, more).await
    }

    /// Starts a program that starts the server; `before` are the arguments before the flags.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_by(
        &self,
        program: &str,
        before: &[&str],
        auth_scheme: AuthScheme,
        more: &[&str],
    ) -> anyhow::Result<Started> {
        let mut args: Vec<_> = before.iter().map(|&arg| arg.to_owned()).collect();
        args.extend(self.flags(more));
        let server = Server::start(Path::new(program), &args).await?;
        let target = Target {
            base_url: server.base_url(),
            alice: self.alice.clone(),
            bob: self.bob.clone(),
            auth_scheme,
            max_upload: MAX_UPLOAD,
            cookies: None,
        };
        let kept = Vec::new();
        Ok(Started { server, target, _fixture: self.clone(), kept })
    }
}

/// A running server as a target. Dropping it ends the server.
#[derive(Debug)]
pub struct Started {
    /// The process.
    pub server: Server,
    target: Target,
    _fixture: Fixture,
    /// Values that must live as long as the server, such as a store of the test.
    kept: Vec<Box<dyn Any + Send + Sync>>,
}

impl Started {
    /// Starts a server on a new folder.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(
        program: &str,
        auth_scheme: AuthScheme,
        more: &[&str],
    ) -> anyhow::Result<Self> {
        Fixture::new()?.start(program, auth_scheme, more).await
    }

    /// Keeps a value alive as long as the server.
    #[must_use]
    pub fn keep_alive(mut self, value: impl Any + Send + Sync) -> Self {
        self.kept.push(Box::new(value));
        self
    }
}

impl Deref for Started {
    type Target = Target;

    fn deref(&self) -> &Target {
        &self.target
    }
}

fn account(username: &str) -> LoginRequest {
    LoginRequest {
        username: username.to_owned(),
        password: Secret::new(random_password()),
    }
}
