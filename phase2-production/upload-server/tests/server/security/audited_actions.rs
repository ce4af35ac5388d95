//! Audited actions on accounts: by the account itself, or by an admin.

use super::test_app::TestApp;
use api_contract::accounts::{Account, AccountRole, AccountUpdate, PasswordChange};
use api_contract::problem::ProblemKind;
use api_contract::{LoginRequest, Message, paths};
use client::{CallResult, Credential};
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
        credential: &Credential,
        old: &LoginRequest,
        new: &LoginRequest,
    ) -> CallResult<Message> {
        let body =
            PasswordChange { current: old.password.clone(), new: new.password.clone() };
        let client = self.client();
        let request =
            client.authenticated(credential, Method::POST, paths::ACCOUNT_PASSWORD);
        client.json(request.json(&body)).await
    }

    /// `POST /api/account/sign-out`
    pub(crate) async fn sign_out(&self, credential: &Credential) -> CallResult<Message> {
        let client = self.client();
        client
            .json(client.authenticated(credential, Method::POST, paths::ACCOUNT_SIGN_OUT))
            .await
    }

    /// `POST /api/admin/users/{username}/sign-out`
    pub(crate) async fn sign_out_as(
        &self,
        admin: &Credential,
        username: &str,
    ) -> CallResult<Message> {
        let client = self.client();
        let path = paths::ADMIN_USER_SIGN_OUT.replace("{username}", username);
        client.json(client.authenticated(admin, Method::POST, &path)).await
    }

    /// `PATCH /api/admin/users/{username}`
    pub(crate) async fn change_account(
        &self,
        admin: &Credential,
        username: &str,
        change: &AccountUpdate,
    ) -> CallResult<Account> {
        let client = self.client();
        let path = paths::ADMIN_USER.replace("{username}", username);
        client.json(client.authenticated(admin, Method::PATCH, &path).json(change)).await
    }
}

/// A change of the role.
pub(crate) const fn role(role: AccountRole) -> AccountUpdate {
    AccountUpdate { role: Some(role), disabled: None, operator: None }
}

/// A change of the right to log in.
pub(crate) const fn disabled(disabled: bool) -> AccountUpdate {
    AccountUpdate { role: None, disabled: Some(disabled), operator: None }
}

/// A change of the right to rotate the service's keys.
pub(crate) const fn operator(operator: bool) -> AccountUpdate {
    AccountUpdate { role: None, disabled: None, operator: Some(operator) }
}
