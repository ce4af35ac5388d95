//! A program and its checks use neither the environment nor the services of the grading
//! user.

use crate::fixture::{CORRECT, Work, assignment_of_one_check, passes_with};
use backing_services::{Backing, redis};
use grader::manifest::Service;
use grader::{
    CheckContext, CheckResult, Outcome, ServiceType, Suite, grade, require, suite,
};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const EMPTIES_AND_KILLS: Suite = suite!("x-01-double": it_is_doubled);

async fn it_is_doubled(ctx: &CheckContext) -> CheckResult {
    let redis = ctx.service(ServiceType::Redis)?;
    let answer = redis_command(&redis.url, &["FLUSHALL"]);
    require(answer.contains("+OK"), "a Redis that can be emptied", answer, "")?;
    Ok(redis.kill9().await?)
}

/// The reply of Redis to one command.
fn redis_command(url: &str, command: &[&str]) -> String {
    let (_, rest) = url.split_once("://:").unwrap();
    let (password, address) = rest.split_once('@').unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let commands: [&[&str]; 3] = [&["AUTH", password], command, &["PING"]];
    for words in commands {
        write!(stream, "*{}\r\n", words.len()).unwrap();
        words.iter().for_each(|word| {
            write!(stream, "${}\r\n{word}\r\n", word.len()).unwrap();
        });
    }
    let (mut answers, mut one) = (String::new(), [0]);
    while !answers.ends_with("+PONG\r\n") {
        stream.read_exact(&mut one).unwrap();
        answers.push(one[0].into());
    }
    let answer = answers.strip_prefix("+OK\r\n").expect("the password is right");
    answer.trim_end_matches("+PONG\r\n").to_owned()
}

#[tokio::test]
async fn check_gets_a_redis_of_its_own() {
    let work = Work::with(CORRECT);
    let mut assignment = assignment_of_one_check(work.path(), EMPTIES_AND_KILLS);
    assignment.manifest.services = vec![Service::Redis];
    let record = grade(assignment).await;
    assert_eq!(record.outcome, Outcome::Pass, "{record:#?}");
}

/// Students set `REDIS_URL` as the exercises ask, and checks empty their Redis.
#[tokio::test]
async fn redis_named_by_the_environment_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let users_redis = match redis(Backing::Local, folder.path()).await {
        Ok(redis) => redis,
        // Without a local Redis the grader starts the embedded one.
        Err(_) => redis(Backing::Embedded, folder.path()).await.unwrap(),
    };
    assert!(redis_command(&users_redis.url, &["SET", "precious", "yes"]).contains("+OK"));
    let test = "environment::check_gets_a_redis_of_its_own";
    passes_with(test, ("REDIS_URL", &users_redis.url));
    assert_eq!(redis_command(&users_redis.url, &["GET", "precious"]), "$3\r\nyes\r\n");
}

#[tokio::test]
async fn source_is_compiled_without_the_graders_environment() {
    let work = Work::with(&CORRECT.replace(
        "(number.parse",
        "if option_env!(\"GRADER_CANARY\").is_some() { return String::new() }\n(number.parse",
    ));
    let record = work.graded().await;
    assert_eq!(record.outcome, Outcome::Pass, "{record:#?}");
}

#[test]
fn secret_of_the_grader_does_not_reach_a_program() {
    let test = "environment::source_is_compiled_without_the_graders_environment";
    passes_with(test, ("GRADER_CANARY", "secret"));
}
