//! Calls for accounts: the caller's own, and those of an admin's organisation.

use crate::openapi::call::{CALL, Call, Designs, SecurityRequirement};
use crate::openapi::parts::{Body, CallParameter, json, of};
use crate::openapi::value_type::ValueType;
use api_contract::accounts::{Account, AccountUpdate, Accounts, Audit, PasswordChange};
use api_contract::problem::ProblemKind as Kind;
use api_contract::{Message, paths};
use utoipa::openapi::HttpMethod::{Patch, Post};
use utoipa::openapi::path::ParameterIn;

const OWN: Call = Call { tag: "account", method: Post, ..CALL };

const ADMIN: Call = Call { tag: "admin", security: SecurityRequirement::Admin, ..CALL };

pub(super) const CALLS: &[Call] = &[
    Call {
        path: paths::ACCOUNT_PASSWORD,
        summary: "Change the caller's password",
        details: "Revokes all sessions and tokens of the account, including this one.",
        request_body: Body::Json(of::<PasswordChange>),
        responses: &[json(200, "The password is changed.", of::<Message>)],
        problems: &[
            Kind::WeakPassword,
            Kind::InvalidCredentials,
            Kind::TooManyAttempts,
            Kind::TooManyLogins,
        ],
        ..OWN
    },
    Call {
        path: paths::ACCOUNT_SIGN_OUT,
        summary: "Sign out everywhere",
        responses: &[json(200, "All sessions and tokens are revoked.", of::<Message>)],
        ..OWN
    },
    Call {
        path: paths::ADMIN_USERS,
        summary: "List the accounts of the caller's organisation",
        responses: &[json(200, "All accounts, by name.", of::<Accounts>)],
        ..ADMIN
    },
    Call {
        method: Patch,
        path: paths::ADMIN_USER,
        summary: "Change the roles of an account, or disable or enable it",
        details: "Revokes all sessions and tokens of the account. Only an operator may change \
                  the operator right.",
        request_body: Body::Json(of::<AccountUpdate>),
        responses: &[json(200, "The account after the change.", of::<Account>)],
        problems: &[Kind::UserNotFound, Kind::LastAdmin, Kind::LastOperator],
        ..ADMIN
    },
    Call {
        method: Post,
        path: paths::ADMIN_USER_SIGN_OUT,
        summary: "Sign an account out everywhere",
        responses: &[json(
            200,
            "All its sessions and tokens are revoked.",
            of::<Message>,
        )],
        problems: &[Kind::UserNotFound],
        ..ADMIN
    },
    Call {
        path: paths::ADMIN_AUDIT,
        summary: "Read the audit log",
        parameters: &[CallParameter {
            name: "request_id",
            location: ParameterIn::Query,
            required: false,
            description: "Only rows of this request.",
            value: ValueType::Text,
            example: "",
        }],
        responses: &[json(200, "The newest rows.", of::<Audit>)],
        problems: &[Kind::MalformedRequest],
        ..ADMIN
    },
    Call {
        method: Post,
        path: paths::ADMIN_KEYS_ROTATE,
        summary: "Publish the next signing key",
        details: "For operators. Admins of an organisation may not.",
        designs: Designs::Tokens,
        responses: &[json(
            200,
            "The key signs after all replicas have loaded it.",
            of::<Message>,
        )],
        ..ADMIN
    },
];
