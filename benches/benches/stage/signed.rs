//! Tokens of the server for production: one replica issues, another checks.
//!
//! Issued over HTTP, as to anybody, because that is the only way out of the crate. Both
//! replicas share the records and the secret, as replicas do.

use anyhow::Context;
use api_contract::secret::Secret;
use api_contract::tokens::TokenIssued;
use api_contract::{Credentials, paths};
use clap::{Parser, ValueEnum};
use records::{PoolLimits, Records};
use std::path::Path;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use upload_domain::passwords::HashCost;
use upload_domain::users_file;
use upload_server::config::credentials::SigningAlgorithm;
use upload_server::tokens::Tokens;
use upload_server::{AppState, Config};

const USERNAME: &str = "alice";
const PASSWORD: &str = "only-for-this-measurement";

/// What the replicas share, in bytes.
const SECRET: [u8; 32] = [7; 32];

/// The longest life that the server allows, in milliseconds: a day.
const LIFE_MS: &str = "86400000";

/// A replica that looks nothing up, and a token that it takes.
pub(crate) struct Signed {
    pub(crate) tokens: Tokens,
    pub(crate) token: String,
    _folder: TempDir,
}

impl Signed {
    /// Makes a key, which takes seconds if it is RSA's, and has a token signed with it.
    pub(crate) async fn with(algorithm: SigningAlgorithm) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let config = config(folder.path(), algorithm)?;
        let token = issued(&config).await?;
        let url = config.stores.database_url.as_ref().context("it is given")?;
        let records = Records::open(url.expose(), PoolLimits::default()).await?;
        let tokens = Tokens::open(records, None, &SECRET, &config.tokens).await?;
        Ok(Self { tokens, token, _folder: folder })
    }
}

/// As on the command line, whatever the environment names.
fn config(folder: &Path, algorithm: SigningAlgorithm) -> anyhow::Result<Config> {
    let users = folder.join("users.json");
    users_file::write(&users, &[(USERNAME, PASSWORD)], HashCost::Least)?;
    let secret = folder.join("secret");
    std::fs::write(&secret, SECRET)?;
    let named = algorithm.to_possible_value().context("each has a name")?;
    let flags = ["upload-server", "--design", "token", "--revocation", "none"];
    let flags = flags.into_iter().chain(["--token-ttl-ms", LIFE_MS]);
    let flags = flags.chain(["--signing-algorithm", named.get_name()]);
    let mut config = Config::parse_from(flags);
    let database = folder.join("records.sqlite");
    let database = format!("sqlite://{}?mode=rwc", database.display());
    config.stores.database_url = Some(Secret::new(database));
    config.stores.database_owner_url = None;
    config.stores.redis_url = None;
    config.stores.files_url = None;
    config.stores.secret_file = Some(secret);
    config.users = Some(users);
    config.data_dir = folder.to_owned();
    Ok(config)
}

/// Logs in at a replica that ends thereafter.
async fn issued(config: &Config) -> anyhow::Result<String> {
    http_edge::crypto::choose();
    let state = AppState::open(config).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}{}", listener.local_addr()?, paths::TOKEN);
    let stop = CancellationToken::new();
    let replica =
        tokio::spawn(upload_server::run(listener, state, stop.clone().cancelled_owned()));
    let (username, password) = (USERNAME.to_owned(), Secret::new(PASSWORD));
    let given = Credentials { username, password };
    let reply = reqwest::Client::new().post(url).json(&given).send().await?;
    let issued: TokenIssued = reply.error_for_status()?.json().await?;
    stop.cancel();
    replica.await?;
    Ok(issued.access_token.expose().to_owned())
}
