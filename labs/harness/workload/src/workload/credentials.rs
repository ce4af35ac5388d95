//! The credentials of a user, and those that are revoked.

use crate::virtual_user::LoginCredential;

/// The credentials of a user.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// The current credential.
    pub current: Option<LoginCredential>,
    /// The credentials with an acknowledged revocation.
    pub revoked: Vec<LoginCredential>,
}
