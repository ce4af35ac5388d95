//! The rows that a transaction may see. Postgres enforces it (row-level security); on
//! SQLite, which has none, only the conditions in the statements do.

use crate::backend;
use crate::error::RecordsError;
use crate::ids::OrgId;
use sqlx::AnyConnection;
use upload_domain::username::Username;

/// The rows that row-level security shows to a transaction. A query outside the scope
/// finds nothing; it does not fail.
#[derive(Clone, PartialEq, Eq)]
pub enum Scope {
    /// The rows of one organisation.
    Organisation(OrgId),
    /// The account with this name, before its organisation is known.
    Login(Username),
    /// The session or refresh token with this SHA-256, before its account is known.
    CredentialHash(String),
    /// For janitors and for data of the whole service: expired rows of every
    /// organisation, and signing keys.
    Housekeeping,
}

/// The hash opens no session, but it need not be in a log either.
impl std::fmt::Debug for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Organisation(organisation) => write!(f, "Organisation({organisation})"),
            Self::Login(username) => write!(f, "Login({username})"),
            Self::CredentialHash(_) => f.write_str("CredentialHash(..)"),
            Self::Housekeeping => f.write_str("Housekeeping"),
        }
    }
}

/// Valid until the transaction ends. All four are set, so that nothing is inherited.
const SET: &str = "SELECT set_config('app.organisation', $1, true), \
     set_config('app.login', $2, true), set_config('app.credential_hash', $3, true), \
     set_config('app.housekeeping', $4, true)";

impl Scope {
    pub(crate) async fn set(&self, tx: &mut AnyConnection) -> Result<(), RecordsError> {
        if !backend::is_postgres(tx) {
            return Ok(());
        }
        let (mut organisation, mut login, mut hash, mut housekeeping) = ("", "", "", "");
        match self {
            Self::Organisation(id) => organisation = id.as_str(),
            Self::Login(username) => login = username.as_str(),
            Self::CredentialHash(credential_hash) => hash = credential_hash,
            Self::Housekeeping => housekeeping = "on",
        }
        sqlx::query(SET)
            .bind(organisation)
            .bind(login)
            .bind(hash)
            .bind(housekeeping)
            .execute(tx)
            .await?;
        Ok(())
    }
}

/// From here on the transaction sees the rows of `organisation` and no others. For use
/// after a credential's hash or a login has identified the organisation.
pub(crate) async fn enter(
    tx: &mut AnyConnection,
    organisation: &OrgId,
) -> Result<(), RecordsError> {
    Scope::Organisation(organisation.clone()).set(tx).await
}
