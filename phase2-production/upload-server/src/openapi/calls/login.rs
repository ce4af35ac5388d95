//! Calls for login and logout.

use crate::openapi::call::{CALL, Call, Designs, SecurityRequirement};
use crate::openapi::parts::{Body, CallResponse, json, of};
use api_contract::problem::ProblemKind as Kind;
use api_contract::sessions::{SessionStarted, SessionView};
use api_contract::tokens::{RefreshRequest, RevokeRequest, TokenIssued};
use api_contract::{LoginRequest, Message, paths};
use utoipa::openapi::HttpMethod::{Get, Post};

const SESSIONS: Call = Call { tag: "sessions", designs: Designs::Sessions, ..CALL };

const TOKENS: Call = Call { tag: "tokens", designs: Designs::Tokens, ..CALL };

pub(super) const CALLS: &[Call] = &[
    Call {
        method: Post,
        path: paths::SESSION_START,
        summary: "Log in and start a session",
        details: "The id is always new. The reply also sets it as a cookie, and the browser's \
               earlier session ends.",
        security: SecurityRequirement::Password,
        request_body: Body::Json(of::<LoginRequest>),
        responses: &[CallResponse {
            status: 200,
            description: "The session has started.",
            body: Body::Json(of::<SessionStarted>),
            headers: &["Set-Cookie"],
        }],
        problems: &[Kind::TooManySessions, Kind::SessionStoreUnavailable],
        ..SESSIONS
    },
    Call {
        path: paths::SESSION,
        summary: "Show the session",
        details: "Reading counts as a use: it restarts the idle timeout.",
        responses: &[json(200, "The session's data.", of::<SessionView>)],
        ..SESSIONS
    },
    Call {
        method: Post,
        path: paths::SESSION_END,
        summary: "Log out",
        details: "After the reply the id is invalid (in the replicated design: soon after, on \
               the other replicas).",
        responses: &[CallResponse {
            status: 200,
            description: "The session has ended.",
            body: Body::Json(of::<Message>),
            headers: &["Set-Cookie"],
        }],
        ..SESSIONS
    },
    Call {
        method: Post,
        path: paths::TOKEN,
        summary: "Log in and get a pair of tokens",
        security: SecurityRequirement::Password,
        request_body: Body::Json(of::<LoginRequest>),
        responses: &[json(
            200,
            "An access token and a refresh token.",
            of::<TokenIssued>,
        )],
        problems: &[Kind::TokenInvalid],
        ..TOKENS
    },
    Call {
        method: Post,
        path: paths::TOKEN_REFRESH,
        summary: "Exchange a refresh token for the next pair",
        details: "A refresh token can be used once. A second use after the grace period \
               revokes its whole family (RFC 9700).",
        security: SecurityRequirement::TokenInBody,
        request_body: Body::Json(of::<RefreshRequest>),
        responses: &[json(200, "The next pair.", of::<TokenIssued>)],
        problems: &[Kind::TokenExpired],
        ..TOKENS
    },
    Call {
        method: Post,
        path: paths::TOKEN_REVOKE,
        summary: "Revoke a token",
        details: "The holder of a token may revoke it. An unknown token gets the same reply \
               (RFC 7009).",
        security: SecurityRequirement::TokenInBody,
        request_body: Body::Json(of::<RevokeRequest>),
        responses: &[json(200, "Revoked, as far as --revocation allows.", of::<Message>)],
        ..TOKENS
    },
    Call {
        method: Get,
        path: paths::JWKS,
        summary: "Get the public keys that verify tokens",
        details: "A JWK set (RFC 7517).",
        security: SecurityRequirement::None,
        responses: &[CallResponse {
            status: 200,
            description: "The keys.",
            body: Body::OtherJson,
            headers: &[],
        }],
        ..TOKENS
    },
];
