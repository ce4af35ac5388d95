//! The behaviour of one virtual user: the choice of operations, and the reaction to failures.

use super::Credentials;
use crate::content::Content;
use crate::entry::Ended;
use crate::person::{Came, Held, Person, Pieces};
use api_conformance::target::AuthScheme;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The think time between two requests, in milliseconds.
const THINKING_MS: std::ops::Range<u64> = 5..40;

/// The delay after a failed operation.
const RETRY: Duration = Duration::from_millis(50);

/// The size in bytes of a file that is uploaded in one request.
const SMALL: std::ops::Range<usize> = 200..6_000;

/// The size in bytes of a file that is uploaded in chunks.
const LARGE: std::ops::Range<usize> = 20_000..60_000;
/// The size of a chunk in bytes.
const PIECE: usize = 16_000;

/// The number of successive refusals after which a login counts as lost. With three replicas
/// without shared sessions, two of three requests are refused.
const GIVEN_UP_AFTER: usize = 4;

/// The number of ended credentials that a user keeps trying.
const ENDED_KEPT: usize = 8;

/// A virtual user.
#[derive(Debug)]
pub(super) struct Habit {
    virtual_user: Person,
    auth_scheme: AuthScheme,
    dice: ChaCha8Rng,
    credentials: Credentials,
    /// The number of refusals of the current credential since it was last accepted.
    refusals: usize,
    /// An upload with a key that is retried until it is acknowledged.
    pending: Option<Content>,
    /// An upload in chunks that is in progress, and its offset if known.
    pieces: Option<(Pieces, Option<usize>)>,
    files: Vec<String>,
    made: usize,
}

/// The final state of a virtual user.
#[derive(Debug)]
pub struct Left {
    /// The client.
    pub virtual_user: Person,
    /// Its credentials.
    pub credentials: Credentials,
}

impl Habit {
    pub(super) fn new(virtual_user: Person, auth_scheme: AuthScheme, seed: u64) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        dice.set_stream(virtual_user.user as u64 + 1);
        let (credentials, pending, pieces) = Default::default();
        Self {
            virtual_user,
            auth_scheme,
            dice,
            credentials,
            refusals: 0,
            pending,
            pieces,
            files: Vec::new(),
            made: 0,
        }
    }

    /// Executes operations until it is stopped.
    pub(super) async fn live(mut self, stop: CancellationToken) -> Left {
        while !stop.is_cancelled() {
            let pause = match self.step().await {
                true => Duration::from_millis(self.dice.random_range(THINKING_MS)),
                false => RETRY,
            };
            tokio::time::sleep(pause).await;
        }
        Left { virtual_user: self.virtual_user, credentials: self.credentials }
    }

    /// Executes one operation, and returns whether it had the expected result.
    async fn step(&mut self) -> bool {
        let Some(held) = self.credentials.current.clone() else {
            self.credentials.current = self.virtual_user.log_in().await;
            return self.credentials.current.is_some();
        };
        let came = self.choose(&held).await;
        match (came.credential_refused, came.ended) {
            (true, _) => self.refusals += 1,
            (false, Ended::Ok) => self.refusals = 0,
            (false, _) => {}
        }
        if self.refusals >= GIVEN_UP_AFTER {
            (self.credentials.current, self.refusals) = (None, 0);
        }
        came.ended == Ended::Ok || came.credential_refused
    }

    async fn choose(&mut self, held: &Held) -> Came {
        if self.pending.is_some() {
            return self.upload_with_key(held).await;
        }
        let any = self.dice.random_range(0..self.files.len().max(1));
        match (self.dice.random_range(0..20), self.files.get(any).cloned()) {
            (0..3, _) => self.virtual_user.list(held).await.0,
            (3..7, Some(file)) => self.virtual_user.download(held, &file).await,
            (7, Some(file)) => self.delete(held, &file, any).await,
            (8..10, _) => self.upload(held).await,
            (10..14, _) => self.go_on_with_pieces(held).await,
            (14, _) => self.renew(held).await,
            (15, _) => self.end(held).await,
            (16, _) => self.try_an_ended_credential(held).await,
            _ => self.upload_with_key(held).await,
        }
    }

    fn new_content(&mut self, sizes: std::ops::Range<usize>) -> Content {
        let (user, owner) =
            (self.virtual_user.user, self.virtual_user.account.username.clone());
        let size = self.dice.random_range(sizes);
        self.made += 1;
        Content::new(user, &owner, self.made, size, &mut self.dice)
    }

    /// Uploads with the same key until it is acknowledged. A retry after a lost reply must not create
    /// a second file.
    async fn upload_with_key(&mut self, held: &Held) -> Came {
        let content = match self.pending.take() {
            Some(content) => content,
            None => self.new_content(SMALL),
        };
        let (came, file) =
            self.virtual_user.upload(held, &content, Some(&content.name)).await;
        match file {
            Some(file) => self.files.push(file),
            None => self.pending = Some(content),
        }
        came
    }

    /// Uploads without a key, so it cannot be retried: an unknown outcome stays unknown.
    async fn upload(&mut self, held: &Held) -> Came {
        let content = self.new_content(SMALL);
        let (came, file) = self.virtual_user.upload(held, &content, None).await;
        self.files.extend(file);
        came
    }

    /// One request of an upload in chunks: create it, read the offset, or send a chunk.
    async fn go_on_with_pieces(&mut self, held: &Held) -> Came {
        let Some((pieces, offset)) = self.pieces.take() else {
            let content = self.new_content(LARGE);
            let (came, pieces) = self.virtual_user.begin_pieces(held, content).await;
            self.pieces = pieces.map(|pieces| (pieces, Some(0)));
            return came;
        };
        let (came, standing) = match offset {
            None => self.virtual_user.ask_offset(held, &pieces).await,
            Some(from) => {
                let to = (from + PIECE).min(pieces.content.bytes.len());
                self.virtual_user.send_piece(held, &pieces, from, to).await
            }
        };
        match standing.file {
            Some(file) => self.files.push(file),
            None if standing.gone => {}
            // Without an offset in the reply, the next step reads it.
            None => self.pieces = Some((pieces, standing.offset)),
        }
        came
    }

    async fn delete(&mut self, held: &Held, file: &str, at: usize) -> Came {
        let came = self.virtual_user.delete(held, file).await;
        // After an unknown outcome the file may be deleted, so it is not used any more.
        if came.ended != Ended::Fail {
            self.files.swap_remove(at);
        }
        came
    }

    /// Keeps a login alive: reads the session, or refreshes the token.
    async fn renew(&mut self, held: &Held) -> Came {
        if self.auth_scheme == AuthScheme::Session {
            return self.virtual_user.look(held).await;
        }
        // A lost reply loses the next refresh token. The old one can be reused only within the
        // grace period of the server, so the user logs in again.
        self.credentials.current = self.virtual_user.refresh(held).await;
        let ended = match self.credentials.current {
            Some(_) => Ended::Ok,
            None => Ended::Unknown,
        };
        Came { ended, credential_refused: false }
    }

    /// Logs out; the next step logs in again.
    async fn end(&mut self, held: &Held) -> Came {
        let came = self.virtual_user.end(held).await;
        // After an unknown outcome the credential may still be valid, but is not used any more.
        if came.ended != Ended::Fail {
            self.credentials.current = None;
        }
        if came.ended == Ended::Ok {
            self.credentials.ended.push(held.clone());
        }
        came
    }

    /// Uses an ended credential, as a thief would. A refusal is the expected result, and does not
    /// concern the current credential.
    async fn try_an_ended_credential(&mut self, held: &Held) -> Came {
        let ended = &self.credentials.ended;
        let recent = ended.len().saturating_sub(ENDED_KEPT)..ended.len();
        if recent.is_empty() {
            return self.virtual_user.list(held).await.0;
        }
        let ended = ended[self.dice.random_range(recent)].clone();
        let came = self.virtual_user.list(&ended).await.0;
        let ended = if came.credential_refused { Ended::Ok } else { Ended::Unknown };
        Came { ended, credential_refused: false }
    }
}
