//! What a server needs besides itself, looked at so rarely that being asked often is cheap.

use futures_util::future::{BoxFuture, join_all};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long a finding is believed. A balancer asks four times a second, and several may.
const BELIEVED: Duration = Duration::from_millis(250);

/// How long one look may take: less than a balancer waits for the answer.
const PATIENCE: Duration = Duration::from_millis(800);

/// How something was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Well.
    Fine,
    /// Not well, and this is no reason to send requests elsewhere. The text goes to whoever asks,
    /// so it names no address and no cause.
    Impaired(&'static str),
    /// Not well, and this server can do nothing without it while others can.
    Missing(&'static str),
}

impl Standing {
    /// In one or two words.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Impaired(how) | Self::Missing(how) => how,
        }
    }
}

type Look = Arc<dyn Fn() -> BoxFuture<'static, Standing> + Send + Sync>;

/// Something to be looked at.
#[derive(Clone)]
pub struct Check {
    name: &'static str,
    look: Look,
    shared: bool,
}

impl Check {
    /// Looks at what is called `name`, such as `records`.
    pub fn new<F>(
        name: &'static str,
        look: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Standing> + Send + 'static,
    {
        Self { name, look: Arc::new(move || Box::pin(look())), shared: false }
    }

    /// Says that every replica shares it. Without it all of them are equally unable, and
    /// taking all of them out would also take away what they can do without it.
    #[must_use]
    pub fn shared(self) -> Self {
        Self { shared: true, ..self }
    }

    async fn look(&self) -> (&'static str, Standing) {
        let looked = tokio::time::timeout(PATIENCE, (self.look)()).await;
        let standing = looked.unwrap_or(Standing::Missing("does not answer in time"));
        let standing = match standing {
            Standing::Missing(how) if self.shared => Standing::Impaired(how),
            standing => standing,
        };
        let well = f64::from(u8::from(standing == Standing::Fine));
        metrics::gauge!("dependency_ok", "name" => self.name).set(well);
        (self.name, standing)
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Check({})", self.name)
    }
}

/// How everything was found, by name.
pub(super) type Findings = BTreeMap<&'static str, Standing>;

/// All checks, and what they found last.
#[derive(Debug, Default)]
pub(super) struct Checks {
    checks: Vec<Check>,
    /// Locked while looking: whoever asks meanwhile waits for the same answer.
    latest: Mutex<Option<(Instant, Findings)>>,
}

impl Checks {
    pub(super) fn new(checks: Vec<Check>) -> Self {
        Self { checks, latest: Mutex::default() }
    }

    /// How everything was found, a moment ago at the latest.
    pub(super) async fn findings(&self) -> Findings {
        let mut latest = self.latest.lock().await;
        if let Some((at, findings)) = &*latest
            && at.elapsed() < BELIEVED
        {
            return findings.clone();
        }
        let found = join_all(self.checks.iter().map(Check::look)).await;
        let findings: Findings = found.into_iter().collect();
        *latest = Some((Instant::now(), findings.clone()));
        findings
    }
}
