//! `lab up` with the designs of Phase 2: which services it takes, what can be done to them,
//! and that they end with the cluster.

use crate::run::{World, kill_9, only_line, until};
use backing_services::{Backing, Kind, State, What, database, offers};
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

fn service(world: &World, id: &str) -> Value {
    let status: Value =
        serde_json::from_str(&world.ok(&["status", "--json"])).expect("JSON");
    let services = status["services"].as_array().expect("a list").clone();
    services.into_iter().find(|one| one["id"] == id).expect("it is there")
}

#[test]
fn services_are_shown_broken_and_mended_like_members() {
    let world = World::new();
    assert!(world.ok(&UP).contains("took "), "it says what it took");
    let why = service(&world, "redis")["why"].to_string();
    assert!(why.contains("took ") && why.contains("REDIS_URL is not set"), "{why}");
    for (order, state) in
        [("kill", "down"), ("restart", "up"), ("pause", "paused"), ("resume", "up")]
    {
        world.ok(&[order, "redis"]);
        assert_eq!(service(&world, "redis")["state"], state, "after {order}");
    }
    world.ok(&["kill", "--term", "redis"]);
    let refused = only_line(&world.lab(&["pause", "redis"]));
    assert!(refused.contains("redis is down: cargo lab restart redis"), "{refused}");
    let refused = only_line(&world.lab(&["drain", "redis"]));
    assert!(refused.contains("redis is down"), "{refused}");
    assert!(!world.ok(&["logs", "redis"]).is_empty());
    world.ok(&["down"]);
    world.until_empty();
}

#[test]
fn a_launcher_killed_with_sigkill_leaves_no_service_not_even_a_paused_one() {
    let world = World::new();
    let up = &UP[..7];
    let mut launcher = world.command(up).stdout(Stdio::null()).spawn().unwrap();
    until("the cluster is up", || world.lab(&["status"]).status.success());
    until("everything is up", || world.lab(&["pause", "redis"]).status.success());
    let database = service(&world, "database");
    if database["state"] == "up" {
        world.ok(&["pause", "database"]);
    }
    kill_9(&mut launcher);
    world.until_empty();
    if let Some(log) = database["log"].as_str() {
        until("its folder is gone", || !std::path::Path::new(log).exists());
    }
}

#[test]
fn every_design_starts_on_what_needs_no_installation() {
    let world = World::new();
    for design in ["memory", "sticky", "replicated", "central", "token"] {
        let up = ["up", "--detach", "--listen", "127.0.0.1:0", "--replicas", "1"];
        let said =
            world.ok(&[&up[..], &["--design", design, "--backing", "embedded"]].concat());
        assert!(said.contains("SQLite, in a file"), "{said}");
        let call = if design == "token" { "api/token" } else { "api/session/start" };
        assert!(said.contains(call), "{design}: {said}");
        let refused = only_line(&world.lab(&["kill", "database"]));
        assert!(refused.contains("is a file"), "{refused}");
        world.ok(&["down"]);
    }
    world.until_empty();
}

#[test]
fn what_cannot_be_had_is_one_line_and_nothing_is_left() {
    let world = World::new();
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
        let refused = world.lab(&args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        let line = only_line(&refused);
        assert!(line.contains(says), "{args:?} said {line}");
    }
    world.until_empty();
}

#[test]
fn a_redis_that_is_named_and_not_there_is_refused_with_its_place_and_without_its_password()
 {
    let world = World::new();
    let mut up = world.command(&["up", "--listen", "127.0.0.1:0", "--design", "central"]);
    up.env("REDIS_URL", "redis://:CANARY@127.0.0.1:1").env("DATABASE_URL", {
        format!("sqlite://{}?mode=rwc", world.path().join("records.sqlite").display())
    });
    let output = up.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("127.0.0.1:1") && !text.contains("CANARY"), "{text}");
    for file in ["records.sqlite", "records.sqlite-wal", "records.sqlite-shm"] {
        let _may_not_be_there = std::fs::remove_file(world.path().join(file));
    }
    world.until_empty();
}

#[test]
fn migrating_is_said_once_and_changes_nothing_the_second_time() {
    let world = World::new();
    let url = format!("sqlite://{}?mode=rwc", world.path().join("own.sqlite").display());
    let first = world.ok(&["migrate", "--database-url", &url]);
    assert!(first.contains("the schema is at version"), "{first}");
    assert_eq!(world.ok(&["migrate", "--database-url", &url]), first);
    let shown = world.ok(&["migrate", "--database-url", &url, "--show-url"]);
    assert!(shown.starts_with("sqlite:"), "{shown}");
    let refused = world.lab(&["migrate", "--database-url", "mysql://:CANARY@127.0.0.1"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(!only_line(&refused).contains("CANARY"));
}

#[test]
fn the_doctor_says_what_up_would_take() {
    let world = World::new();
    let findings: Value =
        serde_json::from_str(&world.ok(&["doctor", "--json"])).expect("JSON");
    for service in ["Redis", "database", "S3 store"] {
        let of = |one: &&Value| one["what"].as_str().unwrap().starts_with(service);
        let rows: Vec<_> = findings.as_array().unwrap().iter().filter(of).collect();
        let taken = |one: &&&Value| one["needed_for"].as_str().unwrap().contains("auto");
        let first = rows.iter().find(|one| one["found"].is_string());
        assert_eq!(rows.iter().find(taken), first, "{rows:?}");
    }
}

/// As its owner, whose tables are then made; or as the application, once they are there.
#[test]
fn a_database_of_ones_own_is_prepared_used_and_left_running() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let offers = runtime.block_on(offers(What::Database));
    if !offers.iter().any(|offer| offer.kind == Kind::Local && offer.found.is_ok()) {
        eprintln!("SKIPPED a database of one's own: Postgres is not installed");
        return;
    }
    let world = World::new();
    let own = runtime.block_on(database(Backing::Local, world.path())).unwrap();
    let shown = {
        let mut migrate = world.command(&["migrate", "--show-url"]);
        let output = migrate.env("DATABASE_OWNER_URL", &own.url).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert!(shown.starts_with("postgres://upload_app:"), "it is no owner's");
    for url in [&own.url, &shown] {
        let up = [&UP[..], &["--backing", "auto"]].concat();
        let output = world.command(&up).env("DATABASE_URL", url).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let service = service(&world, "database");
        assert_eq!(
            (&service["kind"], &service["state"]),
            (&"url".into(), &"external".into())
        );
        let refused = only_line(&world.lab(&["kill", "database"]));
        assert!(refused.contains("DATABASE_URL names it"), "{refused}");
        world.ok(&["down"]);
        assert_eq!(own.state(), State::Up);
    }
    drop(own);
    world.until_empty();
}
