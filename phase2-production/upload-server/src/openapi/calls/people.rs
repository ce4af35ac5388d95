//! Calls about accounts: one's own, and those that admins look after.

use crate::openapi::call::{CALL, Call, Designs, Proof};
use crate::openapi::sent::{Asked, Body, json, of};
use api_contract::people::{Audit, PasswordChange, People, Person, PersonChange};
use api_contract::problem::ProblemKind as Kind;
use api_contract::{Message, paths};
use utoipa::openapi::HttpMethod::{Patch, Post};
use utoipa::openapi::path::ParameterIn;

const OWN: Call = Call { tag: "account", method: Post, ..CALL };

const ADMIN: Call = Call { tag: "admin", proof: Proof::Admin, ..CALL };

pub(super) const CALLS: &[Call] = &[
    Call {
        path: paths::ACCOUNT_PASSWORD,
        summary: "Change one's password",
        more: "All sessions and tokens of the account die, the one that asked included.",
        takes: Body::Json(of::<PasswordChange>),
        gives: &[json(200, "The password is changed.", of::<Message>)],
        refuses: &[
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
        gives: &[json(200, "All sessions and tokens are dead.", of::<Message>)],
        ..OWN
    },
    Call {
        path: paths::ADMIN_USERS,
        summary: "List the people of one's organisation",
        gives: &[json(200, "Everybody, by name.", of::<People>)],
        ..ADMIN
    },
    Call {
        method: Patch,
        path: paths::ADMIN_USER,
        summary: "Change somebody's role, or whether they may log in",
        more: "All their sessions and tokens die.",
        takes: Body::Json(of::<PersonChange>),
        gives: &[json(200, "The person as they are now.", of::<Person>)],
        refuses: &[Kind::UserNotFound],
        ..ADMIN
    },
    Call {
        method: Post,
        path: paths::ADMIN_USER_SIGN_OUT,
        summary: "Sign somebody out everywhere",
        gives: &[json(200, "All their sessions and tokens are dead.", of::<Message>)],
        refuses: &[Kind::UserNotFound],
        ..ADMIN
    },
    Call {
        path: paths::ADMIN_AUDIT,
        summary: "Read who did what",
        asks: &[Asked {
            name: "request_id",
            place: ParameterIn::Query,
            required: false,
            what: "Only what this request did.",
        }],
        gives: &[json(200, "The newest rows.", of::<Audit>)],
        refuses: &[Kind::MalformedRequest],
        ..ADMIN
    },
    Call {
        method: Post,
        path: paths::ADMIN_KEYS_ROTATE,
        summary: "Publish the next signing key",
        designs: Designs::Tokens,
        gives: &[json(200, "It signs once all replicas know it.", of::<Message>)],
        ..ADMIN
    },
];
