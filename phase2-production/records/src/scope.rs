//! What a transaction may see. On Postgres the database itself enforces it (row level
//! security); on SQLite, which has none, only the conditions in the statements do.

use crate::backend;
use crate::error::RecordsError;
use crate::ids::OrgId;
use sqlx::AnyConnection;
use upload_domain::username::Username;

/// What row level security lets a transaction see. A query that no scope covers finds
/// nothing: it does not fail.
#[derive(Clone, PartialEq, Eq)]
pub enum Scope {
    /// The rows of one organisation.
    Organisation(OrgId),
    /// The account of exactly this name, before its organisation is known.
    Login(Username),
    /// The session or refresh token whose SHA-256 this is, before anything is known.
    Proof(String),
    /// For janitors and what belongs to the whole service: rows that are past use in
    /// every organisation, and signing keys.
    Housekeeping,
}

/// A proof is not a secret that opens anything, but it need not be in a log either.
impl std::fmt::Debug for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Organisation(organisation) => write!(f, "Organisation({organisation})"),
            Self::Login(username) => write!(f, "Login({username})"),
            Self::Proof(_) => f.write_str("Proof(..)"),
            Self::Housekeeping => f.write_str("Housekeeping"),
        }
    }
}

/// Valid until the transaction ends; all four are set, so that nothing is inherited.
const SET: &str = "SELECT set_config('app.organisation', $1, true), \
     set_config('app.login', $2, true), set_config('app.proof', $3, true), \
     set_config('app.housekeeping', $4, true)";

impl Scope {
    pub(crate) async fn set(&self, tx: &mut AnyConnection) -> Result<(), RecordsError> {
        if !backend::is_postgres(tx) {
            return Ok(());
        }
        let (mut organisation, mut login, mut proof, mut housekeeping) = ("", "", "", "");
        match self {
            Self::Organisation(id) => organisation = id.as_str(),
            Self::Login(username) => login = username.as_str(),
            Self::Proof(hash) => proof = hash,
            Self::Housekeeping => housekeeping = "on",
        }
        sqlx::query(SET)
            .bind(organisation)
            .bind(login)
            .bind(proof)
            .bind(housekeeping)
            .execute(tx)
            .await?;
        Ok(())
    }
}

/// From here on the transaction sees the rows of `organisation`, and no others: for the
/// moment when a proof or a login has said whose it is.
pub(crate) async fn enter(
    tx: &mut AnyConnection,
    organisation: &OrgId,
) -> Result<(), RecordsError> {
    Scope::Organisation(organisation.clone()).set(tx).await
}
