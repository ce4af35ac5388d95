//! What people do to accounts: their own, or as admin to somebody else's.

use super::people::Town;
use api_conformance::outcome::Outcome;
use api_conformance::proof::Proof;
use api_contract::people::{PasswordChange, Person, PersonChange, PersonRole};
use api_contract::problem::ProblemKind;
use api_contract::{Credentials, Message, paths};
use http::Method;

/// What becomes of a dead proof in a design.
pub(crate) fn dead(design: &str) -> ProblemKind {
    match design {
        "token" => ProblemKind::TokenInvalid,
        _ => ProblemKind::SessionUnknown,
    }
}

impl Town {
    /// `POST /api/account/password`
    pub(crate) async fn change_password(
        &self,
        proof: &Proof,
        old: &Credentials,
        new: &Credentials,
    ) -> Outcome<Message> {
        let body =
            PasswordChange { current: old.password.clone(), new: new.password.clone() };
        let client = self.client();
        let request = client.proven(proof, Method::POST, paths::ACCOUNT_PASSWORD);
        client.json(request.json(&body)).await
    }

    /// `POST /api/account/sign-out`
    pub(crate) async fn sign_out(&self, proof: &Proof) -> Outcome<Message> {
        let client = self.client();
        client.json(client.proven(proof, Method::POST, paths::ACCOUNT_SIGN_OUT)).await
    }

    /// `POST /api/admin/users/{username}/sign-out`
    pub(crate) async fn sign_out_as(&self, admin: &Proof, who: &str) -> Outcome<Message> {
        let client = self.client();
        let path = paths::ADMIN_USER_SIGN_OUT.replace("{username}", who);
        client.json(client.proven(admin, Method::POST, &path)).await
    }

    /// `PATCH /api/admin/users/{username}`
    pub(crate) async fn change_person(
        &self,
        admin: &Proof,
        who: &str,
        change: &PersonChange,
    ) -> Outcome<Person> {
        let client = self.client();
        let path = paths::ADMIN_USER.replace("{username}", who);
        client.json(client.proven(admin, Method::PATCH, &path).json(change)).await
    }
}

/// Another role.
pub(crate) const fn role(role: PersonRole) -> PersonChange {
    PersonChange { role: Some(role), disabled: None }
}

/// The right to log in, taken or given.
pub(crate) const fn disabled(disabled: bool) -> PersonChange {
    PersonChange { role: None, disabled: Some(disabled) }
}
