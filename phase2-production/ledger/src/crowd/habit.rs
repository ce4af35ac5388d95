//! One person's habits: what they do next, and how they go on after it failed.

use super::Proofs;
use crate::content::Content;
use crate::entry::Ended;
use crate::person::{Came, Held, Person, Pieces};
use api_conformance::target::Way;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What people do between two requests, in milliseconds.
const THINKING_MS: std::ops::Range<u64> = 5..40;

/// How long somebody waits before trying again what failed.
const RETRY: Duration = Duration::from_millis(50);

/// Bytes of a file that goes up in one request.
const SMALL: std::ops::Range<usize> = 200..6_000;

/// Bytes of a file that comes in pieces, and of a piece.
const LARGE: std::ops::Range<usize> = 20_000..60_000;
const PIECE: usize = 16_000;

/// Refusals in a row after which somebody takes a login for lost. Three replicas that know
/// nothing of each other refuse two times out of three whom one of them knows.
const GIVEN_UP_AFTER: usize = 4;

/// Ended proofs that somebody goes on trying.
const ENDED_KEPT: usize = 8;

/// Somebody with habits.
#[derive(Debug)]
pub(super) struct Habit {
    person: Person,
    way: Way,
    dice: ChaCha8Rng,
    proofs: Proofs,
    /// Refusals of the current proof since it was last accepted.
    refusals: usize,
    /// An upload with a key that has not been acknowledged; repeated until it is.
    pending: Option<Content>,
    /// An upload in pieces that is under way, and how much of it is known to be there.
    pieces: Option<(Pieces, Option<usize>)>,
    files: Vec<String>,
    made: usize,
}

/// What somebody has in hand when the crowd is stopped.
#[derive(Debug)]
pub struct Left {
    /// Who.
    pub person: Person,
    /// Their proofs.
    pub proofs: Proofs,
}

impl Habit {
    pub(super) fn new(person: Person, way: Way, seed: u64) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        dice.set_stream(person.user as u64 + 1);
        let (proofs, pending, pieces) = Default::default();
        Self {
            person,
            way,
            dice,
            proofs,
            refusals: 0,
            pending,
            pieces,
            files: Vec::new(),
            made: 0,
        }
    }

    /// Does one thing after another until told to stop.
    pub(super) async fn live(mut self, stop: CancellationToken) -> Left {
        while !stop.is_cancelled() {
            let pause = match self.step().await {
                true => Duration::from_millis(self.dice.random_range(THINKING_MS)),
                false => RETRY,
            };
            tokio::time::sleep(pause).await;
        }
        Left { person: self.person, proofs: self.proofs }
    }

    /// One operation; whether it went as expected.
    async fn step(&mut self) -> bool {
        let Some(held) = self.proofs.current.clone() else {
            self.proofs.current = self.person.log_in().await;
            return self.proofs.current.is_some();
        };
        let came = self.choose(&held).await;
        match (came.proof_refused, came.ended) {
            (true, _) => self.refusals += 1,
            (false, Ended::Ok) => self.refusals = 0,
            (false, _) => {}
        }
        if self.refusals >= GIVEN_UP_AFTER {
            (self.proofs.current, self.refusals) = (None, 0);
        }
        came.ended == Ended::Ok || came.proof_refused
    }

    async fn choose(&mut self, held: &Held) -> Came {
        if self.pending.is_some() {
            return self.upload_with_key(held).await;
        }
        let any = self.dice.random_range(0..self.files.len().max(1));
        match (self.dice.random_range(0..20), self.files.get(any).cloned()) {
            (0..3, _) => self.person.list(held).await.0,
            (3..7, Some(file)) => self.person.download(held, &file).await,
            (7, Some(file)) => self.delete(held, &file, any).await,
            (8..10, _) => self.upload(held).await,
            (10..14, _) => self.go_on_with_pieces(held).await,
            (14, _) => self.renew(held).await,
            (15, _) => self.end(held).await,
            (16, _) => self.try_an_ended_proof(held).await,
            _ => self.upload_with_key(held).await,
        }
    }

    fn new_content(&mut self, sizes: std::ops::Range<usize>) -> Content {
        let (user, owner) = (self.person.user, self.person.account.username.clone());
        let size = self.dice.random_range(sizes);
        self.made += 1;
        Content::new(user, &owner, self.made, size, &mut self.dice)
    }

    /// Under the same key until it is acknowledged: a repetition after a lost answer must
    /// not make a second file.
    async fn upload_with_key(&mut self, held: &Held) -> Came {
        let content = match self.pending.take() {
            Some(content) => content,
            None => self.new_content(SMALL),
        };
        let (came, file) = self.person.upload(held, &content, Some(&content.name)).await;
        match file {
            Some(file) => self.files.push(file),
            None => self.pending = Some(content),
        }
        came
    }

    /// Without a key nobody can repeat it: what is unknown stays unknown.
    async fn upload(&mut self, held: &Held) -> Came {
        let content = self.new_content(SMALL);
        let (came, file) = self.person.upload(held, &content, None).await;
        self.files.extend(file);
        came
    }

    /// One step of an upload in pieces: begin, ask, or send.
    async fn go_on_with_pieces(&mut self, held: &Held) -> Came {
        let Some((pieces, offset)) = self.pieces.take() else {
            let content = self.new_content(LARGE);
            let (came, pieces) = self.person.begin_pieces(held, content).await;
            self.pieces = pieces.map(|pieces| (pieces, Some(0)));
            return came;
        };
        let (came, standing) = match offset {
            None => self.person.ask_offset(held, &pieces).await,
            Some(from) => {
                let to = (from + PIECE).min(pieces.content.bytes.len());
                self.person.send_piece(held, &pieces, from, to).await
            }
        };
        match standing.file {
            Some(file) => self.files.push(file),
            None if standing.gone => {}
            // Whoever did not hear how much is there has to ask.
            None => self.pieces = Some((pieces, standing.offset)),
        }
        came
    }

    async fn delete(&mut self, held: &Held, file: &str, at: usize) -> Came {
        let came = self.person.delete(held, file).await;
        // Unknown: it may be gone, and nobody should expect it.
        if came.ended != Ended::Fail {
            self.files.swap_remove(at);
        }
        came
    }

    /// What keeps a login alive: a look at the session, or the next token.
    async fn renew(&mut self, held: &Held) -> Came {
        if self.way == Way::Session {
            return self.person.look(held).await;
        }
        // The answer may be lost, and with it the next refresh token; the old one may be
        // repeated within the server's grace only, so a new login is the way out.
        self.proofs.current = self.person.refresh(held).await;
        let ended = match self.proofs.current {
            Some(_) => Ended::Ok,
            None => Ended::Unknown,
        };
        Came { ended, proof_refused: false }
    }

    /// Logs out; the next step logs in again.
    async fn end(&mut self, held: &Held) -> Came {
        let came = self.person.end(held).await;
        // Unknown: it may live on, but nobody may count on it.
        if came.ended != Ended::Fail {
            self.proofs.current = None;
        }
        if came.ended == Ended::Ok {
            self.proofs.ended.push(held.clone());
        }
        came
    }

    /// Knocks with a proof that should be dead, as a thief would. Being refused is what
    /// went well then, and says nothing of the current proof.
    async fn try_an_ended_proof(&mut self, held: &Held) -> Came {
        let ended = &self.proofs.ended;
        let recent = ended.len().saturating_sub(ENDED_KEPT)..ended.len();
        if recent.is_empty() {
            return self.person.list(held).await.0;
        }
        let ended = ended[self.dice.random_range(recent)].clone();
        let came = self.person.list(&ended).await.0;
        let ended = if came.proof_refused { Ended::Ok } else { Ended::Unknown };
        Came { ended, proof_refused: false }
    }
}
