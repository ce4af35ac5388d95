//! Audited actions on accounts: by the account itself, or by an admin.

use super::test_app::TestApp;
use api_conformance::outcome::Outcome;
use api_conformance::proof::Proof;
use api_contract::people::{PasswordChange, Person, PersonChange, PersonRole};
use api_contract::problem::ProblemKind;
use api_contract::{Credentials, Message, paths};
use http::Method;

/// The problem for a revoked credential in a design.
pub(crate) fn revoked(design: &str) -> ProblemKind {
    match design {
        "token" => ProblemKind::TokenInvalid,
        _ => ProblemKind::SessionUnknown,
    }
}

impl TestApp {
    /// `POST /api/account/password`
    pub(crate) async fn change_password(
        &self,
        credential: &Proof,
        old: &Credentials,
        new: &Credentials,
    ) -> Outcome<Message> {
        let body =
            PasswordChange { current: old.password.clone(), new: new.password.clone() };
        let client = self.client();
        let request = client.proven(credential, Method::POST, paths::ACCOUNT_PASSWORD);
        client.json(request.json(&body)).await
    }

    /// `POST /api/account/sign-out`
    pub(crate) async fn sign_out(&self, credential: &Proof) -> Outcome<Message> {
        let client = self.client();
        client
            .json(client.proven(credential, Method::POST, paths::ACCOUNT_SIGN_OUT))
            .await
    }

    /// `POST /api/admin/users/{username}/sign-out`
    pub(crate) async fn sign_out_as(
        &self,
        admin: &Proof,
        username: &str,
    ) -> Outcome<Message> {
        let client = self.client();
        let path = paths::ADMIN_USER_SIGN_OUT.replace("{username}", username);
        client.json(client.proven(admin, Method::POST, &path)).await
    }

    /// `PATCH /api/admin/users/{username}`
    pub(crate) async fn change_account(
        &self,
        admin: &Proof,
        username: &str,
        change: &PersonChange,
    ) -> Outcome<Person> {
        let client = self.client();
        let path = paths::ADMIN_USER.replace("{username}", username);
        client.json(client.proven(admin, Method::PATCH, &path).json(change)).await
    }
}

/// A change of the role.
pub(crate) const fn role(role: PersonRole) -> PersonChange {
    PersonChange { role: Some(role), disabled: None }
}

/// A change of the right to log in.
pub(crate) const fn disabled(disabled: bool) -> PersonChange {
    PersonChange { role: None, disabled: Some(disabled) }
}
