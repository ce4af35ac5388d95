//! Calls by which somebody gets known, and unknown again.

use crate::openapi::call::{CALL, Call, Designs, Proof};
use crate::openapi::sent::{Body, Given, json, of};
use api_contract::problem::ProblemKind as Kind;
use api_contract::sessions::{SessionStarted, SessionView};
use api_contract::tokens::{RefreshRequest, RevokeRequest, TokenIssued};
use api_contract::{Credentials, Message, paths};
use utoipa::openapi::HttpMethod::{Get, Post};

const SESSIONS: Call = Call { tag: "sessions", designs: Designs::Sessions, ..CALL };

const TOKENS: Call = Call { tag: "tokens", designs: Designs::Tokens, ..CALL };

pub(super) const CALLS: &[Call] = &[
    Call {
        method: Post,
        path: paths::SESSION_START,
        summary: "Log in and start a session",
        more: "The id is always new. The reply also sets it as a cookie; a session that \
               the same browser had before is dead then.",
        proof: Proof::Password,
        takes: Body::Json(of::<Credentials>),
        gives: &[Given {
            status: 200,
            what: "The session lives.",
            body: Body::Json(of::<SessionStarted>),
            headers: &["Set-Cookie"],
        }],
        refuses: &[Kind::TooManySessions, Kind::SessionStoreUnavailable],
        ..SESSIONS
    },
    Call {
        path: paths::SESSION,
        summary: "See what the server remembers",
        more: "Looking is a use: it starts the idle time anew.",
        gives: &[json(200, "What is remembered.", of::<SessionView>)],
        ..SESSIONS
    },
    Call {
        method: Post,
        path: paths::SESSION_END,
        summary: "Log out",
        more: "When this answers, the id is dead (in the replicated design: soon, on the \
               other replicas).",
        gives: &[Given {
            status: 200,
            what: "The session has ended.",
            body: Body::Json(of::<Message>),
            headers: &["Set-Cookie"],
        }],
        ..SESSIONS
    },
    Call {
        method: Post,
        path: paths::TOKEN,
        summary: "Log in and get a pair of tokens",
        proof: Proof::Password,
        takes: Body::Json(of::<Credentials>),
        gives: &[json(200, "An access token and a refresh token.", of::<TokenIssued>)],
        refuses: &[Kind::TokenInvalid],
        ..TOKENS
    },
    Call {
        method: Post,
        path: paths::TOKEN_REFRESH,
        summary: "Exchange a refresh token for the next pair",
        more: "A refresh token is good for one use. Using it again after the grace ends \
               its whole family (RFC 9700).",
        proof: Proof::InBody,
        takes: Body::Json(of::<RefreshRequest>),
        gives: &[json(200, "The next pair.", of::<TokenIssued>)],
        refuses: &[Kind::TokenExpired],
        ..TOKENS
    },
    Call {
        method: Post,
        path: paths::TOKEN_REVOKE,
        summary: "End a token before its time",
        more: "Holding it is the proof. An unknown token is dead already, and answered \
               the same way (RFC 7009).",
        proof: Proof::InBody,
        takes: Body::Json(of::<RevokeRequest>),
        gives: &[json(200, "It is dead, as far as --revocation goes.", of::<Message>)],
        ..TOKENS
    },
    Call {
        method: Get,
        path: paths::JWKS,
        summary: "The public keys that tokens are checked with",
        more: "A JWK set (RFC 7517).",
        proof: Proof::None,
        gives: &[Given {
            status: 200,
            what: "The keys.",
            body: Body::OtherJson,
            headers: &[],
        }],
        ..TOKENS
    },
];
