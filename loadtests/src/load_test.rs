//! A scenario: the users' work, the faults meanwhile, and the default load.

/// A scenario.
#[derive(Clone, Copy, Debug)]
pub struct LoadTest {
    /// The name of the program.
    pub name: &'static str,
    /// Its purpose, in one sentence.
    pub purpose: &'static str,
    /// The users' work.
    pub workload: Workload,
    /// The faults.
    pub fault_schedule: FaultSchedule,
    /// Defaults for the command line.
    pub defaults: Defaults,
    /// Defaults with `--smoke`.
    pub smoke_defaults: Defaults,
}

/// The work of a user.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Workload {
    /// Of ten requests five upload, three list, two read an upload back.
    Files,
    /// Reads the session.
    Sessions,
    /// Of ten requests seven read the session, three upload.
    SessionsAndUploads,
    /// Logs in, concurrently with all other users.
    Logins,
}

impl Workload {
    /// Whether users upload.
    #[must_use]
    pub const fn uploads(self) -> bool {
        matches!(self, Self::Files | Self::SessionsAndUploads)
    }
}

/// The fault schedule during the load.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FaultSchedule {
    /// No fault.
    NoFault,
    /// One replica is killed, its loss is noticed, and it is started again.
    KillAReplica,
    /// Each replica in turn is drained, stopped and started.
    RollingRestart,
    /// The cluster grows: 1, 2, 4, … replicas, up to the requested number.
    ScaleOut,
}

impl FaultSchedule {
    /// The minimum number of replicas.
    #[must_use]
    pub const fn min_replicas(self) -> u16 {
        match self {
            Self::NoFault => 1,
            Self::KillAReplica | Self::RollingRestart | Self::ScaleOut => 2,
        }
    }
}

/// Load and size of the cluster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Defaults {
    /// Replicas; if the scenario adds some, their number at the end.
    pub replicas: u16,
    /// Users.
    pub users: u16,
    /// Duration in seconds. Faults take additional time.
    pub seconds: u64,
    /// Requests a second of each user.
    pub rate: f64,
}

impl Defaults {
    /// Enough for a function test, too little for a measurement.
    pub const SMOKE: Self = Self { replicas: 3, users: 4, seconds: 3, rate: 4.0 };
}
