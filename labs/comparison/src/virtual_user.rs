//! One scripted user. The script is the same for every design; only the credential differs.

use api_contract::LoginRequest;
use api_contract::design::Design;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use report::statistics::whole_micros;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use workload::HistoryRecorder;
use workload::request_schedule::RequestSchedule;
use workload::virtual_user::{LoginCredential, VirtualUser};

/// Of ten requests this number reads a file; the others list files.
const READS_OF_TEN: u32 = 2;

/// A user with an uploaded file, before login.
#[derive(Clone, Debug)]
pub(crate) struct PreparedUser {
    pub(crate) account: LoginRequest,
    /// A file from the preparation of the scenario.
    pub(crate) file_id: String,
}

/// The start of a load.
#[derive(Clone, Debug)]
pub(crate) struct LoadStart {
    pub(crate) started_at: Instant,
    /// The same moment, in microseconds since the start of the history.
    pub(crate) start_us: u64,
    pub(crate) stop: CancellationToken,
}

/// A virtual user with a schedule.
pub(crate) struct ScheduledUser {
    virtual_user: VirtualUser,
    design: Design,
    url: String,
    file_id: String,
    /// [`None`] after a failed login.
    login: Option<LoginCredential>,
    rng: ChaCha8Rng,
}

impl ScheduledUser {
    pub(crate) fn new(
        number: usize,
        prepared: PreparedUser,
        (design, url): (Design, &str),
        seed: u64,
        history: HistoryRecorder,
    ) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(!seed);
        rng.set_stream(number as u64);
        let PreparedUser { account, file_id } = prepared;
        let scheme = design.into();
        let virtual_user = VirtualUser::new(number, account, scheme, url, history);
        Self { virtual_user, design, url: url.to_owned(), file_id, login: None, rng }
    }

    /// Exchanges the password for a credential; returns whether that succeeded.
    pub(crate) async fn log_in(&mut self) -> bool {
        if self.design.needs_cookie() {
            // Without the cookie of the last login the balancer chooses the replica anew.
            self.virtual_user = self.virtual_user.at_url(&self.url);
        }
        self.login = self.virtual_user.log_in().await;
        self.login.is_some()
    }

    /// Sends requests at their intended times until it is stopped.
    pub(crate) async fn run(mut self, schedule: RequestSchedule, load: LoadStart) {
        for intended in schedule {
            let awake = sleep_until(load.started_at + intended);
            let stopped = load.stop.run_until_cancelled(awake).await.is_none();
            if stopped || load.stop.is_cancelled() {
                return;
            }
            self.virtual_user.intended_us = Some(load.start_us + whole_micros(intended));
            self.request().await;
        }
    }

    /// One request, after a login if the last one failed.
    async fn request(&mut self) {
        if self.login.is_none() && !self.log_in().await {
            return;
        }
        let Some(login) = &self.login else { return };
        let call = if self.rng.random_range(0..10) < READS_OF_TEN {
            self.virtual_user.download(login, &self.file_id).await
        } else {
            self.virtual_user.list_newest(login).await
        };
        if call.credential_refused {
            // A refused request is not repeated, or one lost login would count twice.
            self.virtual_user.intended_us = None;
            let _tried_again_next_time = self.log_in().await;
        }
    }
}
