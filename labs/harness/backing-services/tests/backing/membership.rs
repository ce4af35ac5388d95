//! A service's processes are the descendants of its server. A process that only works in the
//! service's folder, such as a shell or an editor, gets no signal.

use crate::support::{descendants, is_available, query_redis, until, until_ended};
use backing_services::{Backing, Kind, Service, ServiceType, database, redis};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Programs of a user in the folder of a service.
struct Bystanders {
    children: Vec<(&'static str, Child)>,
}

impl Bystanders {
    /// `folder` contains the log of the service.
    fn start(folder: &Path) -> Self {
        let log = File::open(folder.join("log")).expect("a log");
        let mut in_folder = sleeper();
        in_folder.current_dir(folder);
        let below = fs::read_dir(folder).expect("a folder").flatten();
        let below = below.map(|entry| entry.path()).find(|path| path.is_dir());
        let mut in_data = sleeper();
        in_data.current_dir(below.unwrap_or_else(|| folder.to_owned()));
        let mut reads_log = sleeper();
        reads_log.stdin(Stdio::from(log));
        let mut names_folder = Command::new("sh");
        names_folder.args(["-c", "sleep 300; true", "redis-server"]).arg(folder);
        names_folder.env("STATELESS_LAB_SERVICE", folder);
        let all = [
            ("a shell in the folder", in_folder),
            ("a shell in the folder of the data", in_data),
            ("a pager of the log", reads_log),
            ("a program with the path as argument", names_folder),
        ];
        let start = |(name, mut command): (_, Command)| {
            let child = command.stdout(Stdio::null()).spawn().expect("it starts");
            (name, child)
        };
        Self { children: all.into_iter().map(start).collect() }
    }

    /// Panics if a signal has ended or stopped one of them.
    fn check(&mut self, after: &str) {
        for (name, child) in &mut self.children {
            let state = state(i32::try_from(child.id()).expect("an id"));
            let stopped_or_ended = matches!(state, None | Some('T' | 'Z' | 'X'));
            assert!(!stopped_or_ended, "{name} got a signal by {after}: {state:?}");
        }
    }
}

impl Drop for Bystanders {
    fn drop(&mut self) {
        for (_, child) in &mut self.children {
            let _ended = child.kill();
            let _reaped = child.wait();
        }
    }
}

fn sleeper() -> Command {
    let mut command = Command::new("sleep");
    command.arg("300").stdin(Stdio::null());
    command
}

/// The state of a process (proc(5)); [`None`] if it has ended.
fn state(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

async fn service(what: ServiceType, dir: &Path) -> Option<Service> {
    if !is_available(what, Kind::Local).await {
        return None;
    }
    Some(match what {
        ServiceType::Redis => redis(Backing::Local, dir).await.expect("it starts"),
        _ => database(Backing::Local, dir).await.expect("it starts"),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_and_end_of_service_spare_programs_in_its_folder() {
    for what in [ServiceType::Redis, ServiceType::Database] {
        let dir = tempfile::tempdir().unwrap();
        let Some(service) = service(what, dir.path()).await else { continue };
        let folder = service.log().unwrap().parent().unwrap().to_owned();
        let mut bystanders = Bystanders::start(&folder);
        service.pause().await.unwrap();
        bystanders.check("a pause");
        service.resume().await.unwrap();
        service.kill9().await.unwrap();
        bystanders.check("a kill");
        service.restart().await.unwrap();
        bystanders.check("a restart");
        service.stop().await.unwrap();
        bystanders.check("a stop");
        service.restart().await.unwrap();
        drop(service);
        bystanders.check("the end of the service");
        assert!(!folder.exists(), "the folder of {what:?} is removed");
    }
}

/// Every process of a service is found, not only the server: Postgres starts helpers in
/// sessions of their own, and Redis a child that rewrites its file.
#[tokio::test(flavor = "multi_thread")]
async fn pause_and_kill_reach_every_helper() {
    for what in [ServiceType::Redis, ServiceType::Database] {
        let dir = tempfile::tempdir().unwrap();
        let Some(service) = service(what, dir.path()).await else { continue };
        let folder = service.log().unwrap().parent().unwrap().to_owned();
        if what == ServiceType::Redis {
            query_redis(&service.url, &["BGREWRITEAOF"]).await.unwrap();
        }
        let mine = |cwd: &PathBuf| cwd.starts_with(&folder);
        let all = descendants(std::process::id() as i32);
        let all: Vec<_> = all.into_iter().filter(|one| mine(&one.cwd)).collect();
        assert!(what == ServiceType::Redis || all.len() > 3, "{all:?}");
        service.pause().await.unwrap();
        for process in &all {
            // A signal takes effect a moment after the call.
            until("every helper is stopped", || {
                matches!(state(process.pid), None | Some('T' | 'Z'))
            });
        }
        service.kill9().await.unwrap();
        until_ended(&all);
    }
}
