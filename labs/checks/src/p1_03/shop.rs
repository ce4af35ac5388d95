//! Replicas of the shop with one database, and a balancer in front of them.

use grader::balanced::Balanced;
use grader::{Exam, Policy, Replica, Stop};
use serde_json::Value;
use std::time::Duration;

/// A print that is no part of the question.
const QUICK: Duration = Duration::from_millis(50);

pub(super) struct Shop<'a> {
    pub(super) exam: &'a Exam,
    pub(super) replicas: Vec<Replica>,
}

impl<'a> Shop<'a> {
    pub(super) async fn open(exam: &'a Exam, replicas: usize) -> Result<Self, Stop> {
        Self::with_work(exam, replicas, QUICK).await
    }

    /// With prints that take this long.
    pub(super) async fn with_work(
        exam: &'a Exam,
        replicas: usize,
        work: Duration,
    ) -> Result<Self, Stop> {
        let mut shop = Self { exam, replicas: Vec::new() };
        for _ in 0..replicas {
            shop.add(work).await?;
        }
        Ok(shop)
    }

    /// One replica more.
    pub(super) async fn add(&mut self, work: Duration) -> Result<Replica, Stop> {
        let replica =
            self.exam.start(&["--work-ms", &work.as_millis().to_string()]).await?;
        self.replicas.push(replica.clone());
        Ok(replica)
    }

    /// Each replica in turn.
    pub(super) async fn balance(&self) -> Result<Balanced, Stop> {
        let all: Vec<_> = self.replicas.iter().collect();
        self.exam.balance(&all, Policy::RoundRobin).await
    }

    /// A replica, by chance.
    pub(super) fn any(&self) -> &Replica {
        self.exam.one_of(&self.replicas)
    }

    /// What is in the memory or in the folder of any replica is lost.
    pub(super) async fn lose_every_process(&self) -> Result<(), Stop> {
        for replica in &self.replicas {
            replica.kill().await;
        }
        for replica in &self.replicas {
            replica.restart().await?;
        }
        Ok(())
    }

    /// A `POST` of this body.
    pub(super) async fn post(
        &self,
        url: &str,
        path: &str,
        body: &Value,
    ) -> Result<grader::Reply, Stop> {
        self.exam.post(url, path).json(body).send().await
    }
}
