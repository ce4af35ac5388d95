//! `lab up` with the designs of Phase 2: the choice of services, the commands for them, and
//! their end with the cluster.

use crate::run::{TestLab, kill_9, only_line, until};
use backing_services::{Backing, Kind, ServiceType, State, database, offers};
use serde_json::Value;
use std::process::Stdio;

const UP: [&str; 8] = [
    "up",
    "--listen",
    "127.0.0.1:0",
    "--design",
    "central",
    "--replicas",
    "2",
    "--detach",
];

fn service(lab: &TestLab, id: &str) -> Value {
    let status = crate::json::valid(&lab.ok(&["status", "--json"]));
    let services = status["services"].as_array().expect("a list").clone();
    services.into_iter().find(|one| one["id"] == id).expect("it is there")
}

#[test]
fn commands_change_the_state_of_services() {
    let lab = TestLab::new();
    assert!(lab.ok(&UP).contains("uses "), "the services are named");
    let why = service(&lab, "redis")["why"].to_string();
    assert!(why.contains("uses ") && why.contains("REDIS_URL is not set"), "{why}");
    for (order, state) in
        [("kill", "down"), ("restart", "up"), ("pause", "paused"), ("resume", "up")]
    {
        lab.ok(&[order, "redis"]);
        assert_eq!(service(&lab, "redis")["state"], state, "after {order}");
    }
    lab.ok(&["kill", "--term", "redis"]);
    let refused = only_line(&lab.run(&["pause", "redis"]));
    assert!(refused.contains("redis is down: cargo lab restart redis"), "{refused}");
    let refused = only_line(&lab.run(&["drain", "redis"]));
    assert!(refused.contains("redis is down"), "{refused}");
    assert!(!lab.ok(&["logs", "redis"]).is_empty());
    lab.ok(&["down"]);
    lab.until_empty();
}

#[test]
fn killed_launcher_leaves_no_service_even_if_paused() {
    let lab = TestLab::new();
    let up = &UP[..7];
    let mut launcher = lab.command(up).stdout(Stdio::null()).spawn().unwrap();
    until("the cluster is up", || lab.run(&["status"]).status.success());
    until("redis is paused", || lab.run(&["pause", "redis"]).status.success());
    let database = service(&lab, "database");
    if database["state"] == "up" {
        lab.ok(&["pause", "database"]);
    }
    kill_9(&mut launcher);
    lab.until_empty();
    if let Some(log) = database["log"].as_str() {
        until("its folder is gone", || !std::path::Path::new(log).exists());
    }
}

#[test]
fn every_design_starts_with_embedded_services() {
    let lab = TestLab::new();
    for design in ["memory", "sticky", "replicated", "central", "token"] {
        let up = ["up", "--detach", "--listen", "127.0.0.1:0", "--replicas", "1"];
        let printed =
            lab.ok(&[&up[..], &["--design", design, "--backing", "embedded"]].concat());
        assert!(printed.contains("SQLite, in a file"), "{printed}");
        let call = if design == "token" { "api/token" } else { "api/session/start" };
        assert!(printed.contains(call), "{design}: {printed}");
        let refused = only_line(&lab.run(&["kill", "database"]));
        assert!(refused.contains("is a file"), "{refused}");
        lab.ok(&["down"]);
    }
    lab.until_empty();
}

#[test]
fn unavailable_service_prints_one_line_and_starts_nothing() {
    let lab = TestLab::new();
    let up =
        |more: &[&'static str]| [&["up", "--listen", "127.0.0.1:0"][..], more].concat();
    for (args, says) in [
        (up(&["--backing", "local"]), "use no services"),
        (up(&["--files", "s3"]), "use no services"),
        (up(&["--design", "central", "--backing", "url"]), "DATABASE_URL is not set"),
        (
            up(&["--design", "token", "--backing", "local", "--data-dir", "/tmp"]),
            "--backing embedded",
        ),
    ] {
        let refused = lab.run(&args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        let line = only_line(&refused);
        assert!(line.contains(says), "{args:?} printed {line}");
    }
    lab.until_empty();
}

#[test]
fn unreachable_redis_is_reported_without_its_password() {
    let lab = TestLab::new();
    let mut up = lab.command(&["up", "--listen", "127.0.0.1:0", "--design", "central"]);
    up.env("REDIS_URL", "redis://:CANARY@127.0.0.1:1").env("DATABASE_URL", {
        format!("sqlite://{}?mode=rwc", lab.path().join("records.sqlite").display())
    });
    let output = up.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("127.0.0.1:1") && !text.contains("CANARY"), "{text}");
    for file in ["records.sqlite", "records.sqlite-wal", "records.sqlite-shm"] {
        let _may_not_be_there = std::fs::remove_file(lab.path().join(file));
    }
    lab.until_empty();
}

#[test]
fn second_migration_changes_nothing() {
    let lab = TestLab::new();
    let url = format!("sqlite://{}?mode=rwc", lab.path().join("own.sqlite").display());
    let first = lab.ok(&["migrate", "--database-url", &url]);
    assert!(first.contains("the schema is at version"), "{first}");
    assert_eq!(lab.ok(&["migrate", "--database-url", &url]), first);
    let shown = lab.ok(&["migrate", "--database-url", &url, "--show-url"]);
    assert!(shown.starts_with("sqlite:"), "{shown}");
    let refused = lab.run(&["migrate", "--database-url", "mysql://:CANARY@127.0.0.1"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(!only_line(&refused).contains("CANARY"));
}

#[test]
fn doctor_names_the_source_that_up_takes() {
    let lab = TestLab::new();
    let doctor = crate::json::valid(&lab.ok(&["doctor", "--json"]));
    let findings = doctor["findings"].as_array().expect("a list");
    for service in ["Redis", "database", "S3 store"] {
        let of = |one: &&Value| one["name"].as_str().unwrap().starts_with(service);
        let rows: Vec<_> = findings.iter().filter(of).collect();
        let taken = |one: &&&Value| one["needed_for"].as_str().unwrap().contains("auto");
        let first = rows.iter().find(|one| one["found"].is_string());
        assert_eq!(rows.iter().find(taken), first, "{rows:?}");
    }
}

/// With the URL of the owner, which creates the tables, or of the application.
#[test]
fn own_database_is_migrated_used_and_left_running() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let offers = runtime.block_on(offers(ServiceType::Database));
    if !offers.iter().any(|offer| offer.kind == Kind::Local && offer.found.is_ok()) {
        eprintln!("SKIPPED an own database: Postgres is not installed");
        return;
    }
    let lab = TestLab::new();
    let own = runtime.block_on(database(Backing::Local, lab.path())).unwrap();
    let shown = {
        let mut migrate = lab.command(&["migrate", "--show-url"]);
        let output = migrate.env("DATABASE_OWNER_URL", &own.url).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert!(shown.starts_with("postgres://upload_app:"), "not the URL of the owner");
    for url in [&own.url, &shown] {
        let up = [&UP[..], &["--backing", "auto"]].concat();
        let output = lab.command(&up).env("DATABASE_URL", url).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let service = service(&lab, "database");
        assert_eq!(
            (&service["kind"], &service["state"]),
            (&"url".into(), &"external".into())
        );
        let refused = only_line(&lab.run(&["kill", "database"]));
        assert!(
            refused.contains("the database of DATABASE_URL is external"),
            "{refused}"
        );
        lab.ok(&["down"]);
        assert_eq!(own.state(), State::Up);
    }
    drop(own);
    lab.until_empty();
}
