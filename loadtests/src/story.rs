//! A scenario: the users' work, the faults meanwhile, and the default load.

/// A scenario.
#[derive(Clone, Copy, Debug)]
pub struct Story {
    /// The name of the program.
    pub name: &'static str,
    /// Its purpose, in one sentence.
    pub asks: &'static str,
    /// The users' work.
    pub work: Work,
    /// The faults.
    pub plot: Plot,
    /// Defaults for the command line.
    pub usual: Usual,
    /// Defaults with `--smoke`.
    pub smoke: Usual,
}

/// The work of a user.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Work {
    /// Of ten requests five upload, three list, two read an upload back.
    Files,
    /// Reads the session.
    Sessions,
    /// Of ten requests seven read the session, three upload.
    SessionsAndUploads,
    /// Logs in, concurrently with all other users.
    Logins,
}

impl Work {
    /// Whether users upload.
    #[must_use]
    pub const fn uploads(self) -> bool {
        matches!(self, Self::Files | Self::SessionsAndUploads)
    }
}

/// The fault schedule during the load.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Plot {
    /// No fault.
    Nothing,
    /// One replica is killed, its loss is noticed, and it is started again.
    Kill,
    /// Each replica in turn is drained, stopped and started.
    RollingRestart,
    /// The cluster grows: 1, 2, 4, … replicas, up to the requested number.
    ScaleOut,
}

impl Plot {
    /// The minimum number of replicas.
    #[must_use]
    pub const fn fewest_replicas(self) -> u16 {
        match self {
            Self::Nothing => 1,
            Self::Kill | Self::RollingRestart | Self::ScaleOut => 2,
        }
    }
}

/// Load and size of the cluster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usual {
    /// Replicas; if the scenario adds some, their number at the end.
    pub replicas: u16,
    /// Users.
    pub users: u16,
    /// Duration in seconds. Faults take additional time.
    pub seconds: u64,
    /// Requests a second of each user.
    pub rate: f64,
}

impl Usual {
    /// Enough for a function test, too little for a measurement.
    pub const SMOKE: Self = Self { replicas: 3, users: 4, seconds: 3, rate: 4.0 };
}
