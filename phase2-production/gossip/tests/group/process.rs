//! A node as a process of its own, so that it can be killed and paused: this test program
//! again, told to run nothing but [`node`]. It takes orders on its standard input and ends
//! with it, so it does not outlive the test.

use crate::rig::{config, now};
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

/// What answers begin with: the test harness prints lines of its own.
const ANSWER: &str = "answer: ";

pub(crate) struct Process {
    child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
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
        let orders = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut process = Self { child, orders, answers, address };
        process.address = process.answer().await.parse().unwrap();
        process
    }

    pub(crate) async fn ask(&mut self, order: &str) -> String {
        self.order(order).await;
        self.answer().await
    }

    pub(crate) async fn order(&mut self, order: &str) {
        self.orders.write_all(format!("{order}\n").as_bytes()).await.unwrap();
    }

    pub(crate) async fn answer(&mut self) -> String {
        loop {
            let line = self.answers.next_line().await.unwrap().expect("it still runs");
            // What the harness prints last before the first answer has no line end.
            if let Some((_, answer)) = line.split_once(ANSWER) {
                return answer.to_owned();
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
#[ignore = "other tests run it as a process of its own"]
async fn node() {
    let Ok(name) = std::env::var(NAME) else {
        return;
    };
    let seeds = std::env::var(SEEDS).unwrap();
    let seeds: Vec<_> = seeds.split_whitespace().map(|it| it.parse().unwrap()).collect();
    let mut config = config(&name, &seeds);
    config.cluster_id = std::env::var(CLUSTER).unwrap();
    let node = Gossip::join(config).await.unwrap();
    println!("{ANSWER}{}", node.address());
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    while let Some(order) = orders.next_line().await.unwrap() {
        println!("{ANSWER}{}", obey(&node, &order).await);
    }
}

async fn obey(node: &Gossip, order: &str) -> String {
    let (order, proof) = order.split_once(' ').unwrap();
    let done = match order {
        "start" => {
            node.start(proof, "ann", "about", now()).await;
            Ok(())
        }
        "file" => node.add_file(proof, "name", now()).await,
        "end" => node.end(proof, now()).await,
        "touch" => node.touch(proof, now()).await.map(|_about| ()),
        other => panic!("no such order: {other}"),
    };
    let answer = match done {
        Ok(()) => "alive",
        Err(Gone::Unknown) => "unknown",
        Err(Gone::Expired) => "expired",
        Err(Gone::CatchingUp) => "catching-up",
    };
    answer.to_owned()
}
