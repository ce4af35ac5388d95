//! The cost of the session map's one lock under concurrent requests.
//!
//! `cargo bench -p benches --bench session_map`
//!
//! Tasks of one runtime share the map of `stateful-server`, as its handlers do. A time is the
//! total of all tasks divided by their operations: without lock contention it would fall with
//! each core. `nothing` is the same loop without the map.

use benches::at_full_size;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion};
use stateful_server::sessions::{SessionId, SessionLimits, Sessions};
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use upload_domain::username::Username;

/// Concurrent tasks.
const TASKS: [usize; 4] = [1, 4, 16, 64];

/// Sessions in the map.
const SESSIONS: [usize; 3] = [100, 10_000, 1_000_000];

/// Sessions in the map in a run that measures nothing.
const FEW_SESSIONS: [usize; 3] = [64, 100, 1_000];

/// One operation of this many is a logout and a login instead of a look-up.
const WRITE_EVERY: u64 = 10;

/// Operations of a task between two yields, as a handler yields between two waits. A yield
/// costs more than a look-up, so its cost is spread over several.
const OPERATIONS_PER_YIELD: u64 = 32;

/// Accounts that own the sessions.
const ACCOUNTS: usize = 1_000;

/// Lifetime of a session: longer than any measurement.
const LIFETIME: Duration = Duration::from_secs(12 * 3_600);

type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// An operation of the tasks.
#[derive(Clone, Copy, PartialEq)]
enum Work {
    Nothing,
    LookUps,
    LookUpsAndWrites,
}

impl Work {
    const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::LookUps => "look-ups",
            Self::LookUpsAndWrites => "one-in-ten-writes",
        }
    }
}

fn main() -> ExitCode {
    benches::begin(env!("CARGO_CRATE_NAME"));
    let runtime = Runtime::new().expect("a runtime can be started");
    let mut criterion = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let mut group = criterion.benchmark_group("session-map");
    for tasks in TASKS {
        LoggedIn::of(0).work(&mut group, &runtime, tasks, Work::Nothing);
    }
    for sessions in at_full_size(SESSIONS, FEW_SESSIONS) {
        let mut logged_in = LoggedIn::of(sessions);
        for work in [Work::LookUps, Work::LookUpsAndWrites] {
            for tasks in TASKS {
                logged_in.work(&mut group, &runtime, tasks, work);
            }
        }
    }
    group.finish();
    criterion.final_summary();
    ExitCode::SUCCESS
}

/// A map, and the ids of its sessions.
struct LoggedIn {
    sessions: Sessions,
    ids: Vec<SessionId>,
}

impl LoggedIn {
    fn of(size: usize) -> Self {
        let limits = SessionLimits { idle: LIFETIME, absolute: LIFETIME, max_live: size };
        let sessions = Sessions::new(limits);
        let log_in = |number| sessions.start(account(number));
        let ids = (0..size).map(|number| log_in(number).expect("there is room"));
        Self { ids: ids.collect(), sessions }
    }

    fn work(
        &mut self,
        group: &mut Group<'_>,
        runtime: &Runtime,
        tasks: usize,
        work: Work,
    ) {
        let name = match work {
            Work::Nothing => work.name().to_owned(),
            _ => format!("{}-of-{}", work.name(), self.ids.len()),
        };
        // Only one task uses a session, because it may end it.
        let mut shares = vec![Vec::new(); tasks];
        for (number, id) in self.ids.drain(..).enumerate() {
            shares[number % tasks].push(id);
        }
        group.bench_function(BenchmarkId::new(name, tasks), |bencher| {
            bencher.iter_custom(|times| {
                let began = Instant::now();
                let mut running = Vec::new();
                for (task, ids) in shares.drain(..).enumerate() {
                    let times = share(times, tasks, task);
                    let sessions = self.sessions.clone();
                    running.push(runtime.spawn(one_task(sessions, ids, work, times)));
                }
                for task in running {
                    shares.push(runtime.block_on(task).expect("no task panics"));
                }
                began.elapsed()
            });
        });
        self.ids = shares.concat();
    }
}

fn account(number: usize) -> Username {
    let name = format!("user-{}", number % ACCOUNTS);
    Username::parse(&name).expect("letters, digits and a dash")
}

/// The operations of one of the tasks.
fn share(times: u64, tasks: usize, task: usize) -> u64 {
    let (tasks, task) = (tasks as u64, task as u64);
    times / tasks + u64::from(task < times % tasks)
}

/// Runs one operation after the other; returns the sessions at the end.
async fn one_task(
    sessions: Sessions,
    mut ids: Vec<SessionId>,
    work: Work,
    times: u64,
) -> Vec<SessionId> {
    let mut at = 0;
    for time in 1..=times {
        match work {
            Work::Nothing => {
                black_box(time);
            }
            Work::LookUpsAndWrites if time % WRITE_EVERY == 0 => {
                sessions.end(&ids[at]).expect("it lives");
                let again = sessions.start(account(at));
                ids[at] = again.expect("a session has just ended");
            }
            Work::LookUps | Work::LookUpsAndWrites => {
                black_box(sessions.touch(&ids[at]).expect("it lives"));
            }
        }
        at = if at + 1 < ids.len() { at + 1 } else { 0 };
        if time % OPERATIONS_PER_YIELD == 0 {
            tokio::task::yield_now().await;
        }
    }
    ids
}
