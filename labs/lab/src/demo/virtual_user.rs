//! One scripted user. The script is the same for every configuration; only the credential
//! differs.

use crate::demo::shared::SharedState;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use std::time::Duration;
use workload::content::TestFile;
use workload::virtual_user::{CallOutcome, LoginCredential, VirtualUser};
use workload::workload::{Credentials, UserFinalState};

/// Pause of a user between two requests, in milliseconds.
const THINK_TIME_MS: std::ops::Range<u64> = 15..45;

/// Factor of that pause while the demo waits for Enter.
const SLOWDOWN_FACTOR: u32 = 20;

/// Pause of a user before the retry of a failed request.
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// The size in bytes of an uploaded file.
const FILE_BYTES: std::ops::Range<usize> = 1024..8192;

/// A virtual user with a script.
pub(crate) struct ScriptedUser {
    virtual_user: VirtualUser,
    login: Option<LoginCredential>,
    rng: ChaCha8Rng,
    /// An upload without an acknowledgement. The user repeats it.
    pending: Option<TestFile>,
    files: Vec<String>,
    files_created: usize,
    shared: Arc<SharedState>,
}

/// The next thing to do.
enum Action {
    List,
    Read(String),
    Upload,
}

impl ScriptedUser {
    pub(crate) fn new(
        virtual_user: VirtualUser,
        seed: u64,
        shared: Arc<SharedState>,
    ) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(virtual_user.user as u64);
        Self {
            virtual_user,
            login: None,
            rng,
            pending: None,
            files: Vec::new(),
            files_created: 0,
            shared,
        }
    }

    /// Logs in, then makes one request after another until stopped.
    pub(crate) async fn run(mut self) -> UserFinalState {
        self.log_in().await;
        while !self.shared.stop.is_cancelled()
            && let Some(login) = self.login.clone()
        {
            let call = self.execute_next(&login).await;
            let pause = if call.is_ok() {
                self.think_time()
            } else if call.credential_refused {
                self.log_in().await;
                if self.shared.is_slowed_down() {
                    self.think_time()
                } else {
                    Duration::ZERO
                }
            } else {
                RETRY_DELAY
            };
            tokio::time::sleep(pause).await;
        }
        let credentials = Credentials::default();
        UserFinalState { virtual_user: self.virtual_user, credentials }
    }

    fn think_time(&mut self) -> Duration {
        let pause = Duration::from_millis(self.rng.random_range(THINK_TIME_MS));
        if self.shared.is_slowed_down() { pause * SLOWDOWN_FACTOR } else { pause }
    }

    /// Repeats the login until it succeeds. A rejected credential is not sent again, because
    /// one lost login would count twice.
    async fn log_in(&mut self) {
        self.login = self.virtual_user.log_in().await;
        while self.login.is_none() && !self.shared.stop.is_cancelled() {
            tokio::time::sleep(RETRY_DELAY).await;
            self.login = self.virtual_user.log_in().await;
        }
    }

    /// One request of the script.
    async fn execute_next(&mut self, login: &LoginCredential) -> CallOutcome {
        match self.next_action() {
            Action::List => self.virtual_user.list_newest(login).await,
            Action::Read(id) => self.virtual_user.download(login, &id).await,
            Action::Upload => self.upload(login).await,
        }
    }

    fn next_action(&mut self) -> Action {
        if self.pending.is_some() {
            return Action::Upload;
        }
        let any_file = self.rng.random_range(0..self.files.len().max(1));
        match (self.rng.random_range(0..10), self.files.get(any_file)) {
            (0..4, _) => Action::List,
            (4..7, Some(id)) => Action::Read(id.clone()),
            _ if self.shared.is_slowed_down() => Action::List,
            _ => Action::Upload,
        }
    }

    /// Uploads a file, with the same idempotency key until it is acknowledged: a repetition
    /// after a lost answer must not store a second file. The verification reads check that.
    async fn upload(&mut self, login: &LoginCredential) -> CallOutcome {
        let file = match self.pending.take() {
            Some(pending) => pending,
            None => self.new_file(),
        };
        let (call, stored) =
            self.virtual_user.upload(login, &file, Some(&file.name)).await;
        match stored {
            Some(file_id) => self.files.push(file_id),
            None => self.pending = Some(file),
        }
        call
    }

    fn new_file(&mut self) -> TestFile {
        let size = self.rng.random_range(FILE_BYTES);
        self.files_created += 1;
        let (user, owner) = (self.virtual_user.user, &self.virtual_user.account.username);
        TestFile::new(user, owner, self.files_created, size, &mut self.rng)
    }
}
