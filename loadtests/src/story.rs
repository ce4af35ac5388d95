//! What a program is about: what users do, what happens to the cluster meanwhile, and with
//! how many of them.

/// One program.
#[derive(Clone, Copy, Debug)]
pub struct Story {
    /// The name of the program.
    pub name: &'static str,
    /// What it asks, in one sentence.
    pub asks: &'static str,
    /// What users do.
    pub work: Work,
    /// What happens meanwhile.
    pub plot: Plot,
    /// How much of it, unless the command line says otherwise.
    pub usual: Usual,
    /// How much of it with `--smoke`.
    pub smoke: Usual,
}

/// What a user does at each turn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Work {
    /// Of ten turns five upload, three list, two read an upload back.
    Files,
    /// Asks who it is.
    Sessions,
    /// Of ten turns seven ask who it is, three upload.
    SessionsAndUploads,
    /// Logs in, with everybody else, in the same moment.
    Logins,
}

impl Work {
    /// Whether users upload.
    #[must_use]
    pub const fn uploads(self) -> bool {
        matches!(self, Self::Files | Self::SessionsAndUploads)
    }
}

/// What happens to the cluster while users work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Plot {
    /// Nothing.
    Nothing,
    /// One replica is killed, missed, and started again.
    Kill,
    /// Each replica in turn is drained, stopped and started.
    RollingRestart,
    /// It grows: 1, 2, 4, … replicas, up to as many as are asked for.
    ScaleOut,
}

impl Plot {
    /// The fewest replicas with which it can be told.
    #[must_use]
    pub const fn fewest_replicas(self) -> u16 {
        match self {
            Self::Nothing => 1,
            Self::Kill | Self::RollingRestart | Self::ScaleOut => 2,
        }
    }
}

/// How much load, on how much of a cluster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usual {
    /// Replicas; where the story adds some, how many there are at the end.
    pub replicas: u16,
    /// Users.
    pub users: u16,
    /// How long, in seconds. What the story does to the cluster comes on top of it.
    pub seconds: u64,
    /// Requests a second of each user.
    pub rate: f64,
}

impl Usual {
    /// Enough to see that everything works, and not enough to measure anything.
    pub const SMOKE: Self = Self { replicas: 3, users: 4, seconds: 3, rate: 4.0 };
}
