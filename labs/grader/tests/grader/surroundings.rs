//! Whoever grades has an environment, and things that run: a program and its checks get at
//! neither.

use crate::fixture::{RIGHT, Work, assignment_of_one_check, passes_with};
use backing_services::{Backing, redis};
use grader::manifest::Service;
use grader::{Exam, Outcome, Suite, Verdict, What, grade, require, suite};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const EMPTIES_AND_KILLS: Suite = suite!("x-01-double": it_is_doubled);

async fn it_is_doubled(exam: &Exam) -> Outcome {
    let redis = exam.service(What::Redis)?;
    let answer = told(&redis.url, &["FLUSHALL"]);
    require(answer.contains("+OK"), "a Redis that can be emptied", answer, "")?;
    Ok(redis.kill9().await?)
}

/// What a Redis answers to one command.
fn told(url: &str, command: &[&str]) -> String {
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
async fn a_check_has_a_redis_of_its_own() {
    let work = Work::with(RIGHT);
    let mut assignment = assignment_of_one_check(work.path(), EMPTIES_AND_KILLS);
    assignment.manifest.services = vec![Service::Redis];
    let record = grade(assignment).await;
    assert_eq!(record.verdict, Verdict::Pass, "{record:#?}");
}

/// The exercises tell their readers to set `REDIS_URL`, and checks empty their Redis.
#[tokio::test]
async fn a_redis_that_the_environment_names_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let somebodys = match redis(Backing::Local, folder.path()).await {
        Ok(redis) => redis,
        // The grader has one to start then, and nobody has one to lose.
        Err(_) => redis(Backing::Embedded, folder.path()).await.unwrap(),
    };
    assert!(told(&somebodys.url, &["SET", "precious", "yes"]).contains("+OK"));
    let test = "surroundings::a_check_has_a_redis_of_its_own";
    passes_with(test, ("REDIS_URL", &somebodys.url));
    assert_eq!(told(&somebodys.url, &["GET", "precious"]), "$3\r\nyes\r\n");
}

#[tokio::test]
async fn a_source_is_compiled_without_what_the_environment_holds() {
    let work = Work::with(&RIGHT.replace(
        "(number.parse",
        "if option_env!(\"GRADER_CANARY\").is_some() { return String::new() }\n(number.parse",
    ));
    let record = work.graded().await;
    assert_eq!(record.verdict, Verdict::Pass, "{record:#?}");
}

#[test]
fn a_secret_of_the_grader_does_not_get_into_a_program() {
    let test = "surroundings::a_source_is_compiled_without_what_the_environment_holds";
    passes_with(test, ("GRADER_CANARY", "secret"));
}
