//! A node in its own process, so that a test can kill and pause it: this test binary
//! again, restricted to [`node`]. It reads commands from standard input and exits at its
//! end, so it does not outlive the test.

use crate::support::{config, now};
use gossip::{Gone, Gossip};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::net::SocketAddr;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

const NAME: &str = "GOSSIP_TEST_NODE";
const SEEDS: &str = "GOSSIP_TEST_SEEDS";
const CLUSTER: &str = "GOSSIP_TEST_CLUSTER";

/// Prefix of a reply, because the test harness prints lines of its own.
const REPLY_PREFIX: &str = "reply: ";

pub(crate) struct Process {
    child: Child,
    commands: ChildStdin,
    replies: Lines<BufReader<ChildStdout>>,
    pub(crate) address: SocketAddr,
}

impl Process {
    pub(crate) async fn join(name: &str, seeds: &[SocketAddr]) -> Self {
        let seeds: Vec<_> = seeds.iter().map(ToString::to_string).collect();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "process::node", "--ignored", "--nocapture"])
            .env(NAME, name)
            .env(SEEDS, seeds.join(" "))
            .env(CLUSTER, config(name, &[]).cluster_id)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let commands = child.stdin.take().unwrap();
        let replies = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut process = Self { child, commands, replies, address };
        process.address = process.reply().await.parse().unwrap();
        process
    }

    pub(crate) async fn call(&mut self, command: &str) -> String {
        self.command(command).await;
        self.reply().await
    }

    pub(crate) async fn command(&mut self, command: &str) {
        self.commands.write_all(format!("{command}\n").as_bytes()).await.unwrap();
    }

    pub(crate) async fn reply(&mut self) -> String {
        loop {
            let line =
                self.replies.next_line().await.unwrap().expect("the process still runs");
            // The harness's last output before the first reply has no line end.
            if let Some((_, reply)) = line.split_once(REPLY_PREFIX) {
                return reply.to_owned();
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    pub(crate) async fn killed(mut self) {
        self.signal(Signal::SIGKILL);
        self.child.wait().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "other tests run it in its own process"]
async fn node() {
    let Ok(name) = std::env::var(NAME) else {
        return;
    };
    let seeds = std::env::var(SEEDS).unwrap();
    let seeds: Vec<_> = seeds.split_whitespace().map(|it| it.parse().unwrap()).collect();
    let mut config = config(&name, &seeds);
    config.cluster_id = std::env::var(CLUSTER).unwrap();
    let node = Gossip::join(config).await.unwrap();
    println!("{REPLY_PREFIX}{}", node.address());
    let mut commands = BufReader::new(tokio::io::stdin()).lines();
    while let Some(command) = commands.next_line().await.unwrap() {
        println!("{REPLY_PREFIX}{}", execute(&node, &command).await);
    }
}

async fn execute(node: &Gossip, command: &str) -> String {
    let (command, hash) = command.split_once(' ').unwrap();
    let done = match command {
        "start" => {
            node.start(hash, "ann", "about", now()).await;
            Ok(())
        }
        "file" => node.add_file(hash, "name", now()).await,
        "end" => node.end(hash, now()).await,
        "touch" => node.touch(hash, now()).await.map(|_about| ()),
        other => panic!("no such command: {other}"),
    };
    let reply = match done {
        Ok(()) => "alive",
        Err(Gone::Unknown) => "unknown",
        Err(Gone::Expired) => "expired",
        Err(Gone::CatchingUp) => "catching-up",
    };
    reply.to_owned()
}
