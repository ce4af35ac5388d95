//! Commands for a named cluster: their hints name it, a second start is refused, and a failed
//! start shows the reason of the process that failed.

use crate::run::{TestLab, only_line};

const UP: [&str; 6] = ["up", "--listen", "127.0.0.1:0", "--replicas", "1", "--detach"];

/// Every command in a text that concerns a running cluster must name it.
fn assert_named(text: &str, name: &str) {
    let hints: Vec<_> = text.match_indices("cargo lab ").map(|(at, _)| at).collect();
    for at in hints {
        let line = text[at..].lines().next().unwrap_or_default();
        let hint = line.trim_start_matches("cargo lab ");
        // The next hint in the same line has a name of its own.
        let hint = hint.split("cargo lab ").next().unwrap_or_default();
        assert!(hint.contains(&format!("--name {name}")), "{hint:?} in:\n{text}");
    }
}

#[test]
fn hints_of_a_named_cluster_contain_its_name() {
    let lab = TestLab::new();
    let name = ["--name", "second"];
    let run = |args: &[&str]| lab.run(&[args, &name].concat());
    let ok = |args: &[&str]| lab.ok(&[args, &name].concat());
    let introduction = ok(&UP);
    assert!(introduction.contains("cargo lab kill r1 --name second"), "{introduction}");
    assert_named(&introduction, "second");
    for args in [&["pause", "r1"][..], &["resume", "r1"], &["kill", "r1"], &["status"]] {
        assert_named(&ok(args), "second");
    }
    for args in [
        &["kill", "r1"][..],
        &["pause", "r1"],
        &["drain", "r1"],
        &["status", "--certificate"],
        &UP[..5],
    ] {
        let refused = run(args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        let line = only_line(&refused);
        assert!(line.contains("cargo lab "), "{args:?} has no hint: {line}");
        assert_named(&line, "second");
    }
    ok(&["kill", "lb"]);
    let refused = only_line(&run(&["add"]));
    assert!(refused.contains("cargo lab restart lb"), "{refused}");
    assert_named(&refused, "second");
    ok(&["down"]);
    let refused = only_line(&run(&["status"]));
    assert!(refused.contains("cargo lab up --name second"), "{refused}");
    lab.until_empty();
}

#[test]
fn hints_of_a_cluster_without_a_name_are_short() {
    let lab = TestLab::new();
    let printed = lab.ok(&UP);
    assert!(!printed.contains("--name"), "{printed}");
    lab.ok(&["kill", "r1"]);
    let refused = only_line(&lab.run(&["kill", "r1"]));
    assert!(refused.ends_with("r1 is down: cargo lab restart r1\n"), "{refused}");
    lab.ok(&["down"]);
    lab.until_empty();
}

#[test]
fn name_that_cannot_be_used_is_refused_in_one_line() {
    let lab = TestLab::new();
    for name in ["", "a/b", "..", &"x".repeat(33)] {
        let up = [&UP[..], &["--name", name]].concat();
        for command in [&up[..], &["status", "--name", name], &["down", "--name", name]] {
            let refused = lab.run(command);
            assert_eq!(refused.status.code(), Some(2), "{command:?}: {refused:?}");
            let line = only_line(&refused);
            assert!(line.contains("1 to 32 letters"), "{command:?}: {line}");
        }
    }
}

#[test]
fn second_detached_cluster_of_a_name_exits_with_2() {
    let lab = TestLab::new();
    for name in ["lab", "second"] {
        let up = [&UP[..], &["--name", name]].concat();
        lab.ok(&up);
        let pid = lab.ok(&["status", "--json", "--name", name]);
        for again in [&up[..], &[&up[..5], &["--name", name]].concat()] {
            let refused = lab.run(again);
            assert_eq!(refused.status.code(), Some(2), "{again:?}: {refused:?}");
            let line = only_line(&refused);
            assert!(line.contains(&format!("a cluster named {name} is up")), "{line}");
        }
        assert_eq!(lab.ok(&["status", "--json", "--name", name]), pid, "it is unchanged");
    }
    lab.ok(&["down"]);
    lab.ok(&["down", "--name", "second"]);
    lab.until_empty();
}

#[test]
fn failed_start_shows_the_reason_of_the_failed_process() {
    let lab = TestLab::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let central = ["--design", "central", "--backing", "embedded"];
    for (flags, says) in [
        (&["--", "--bogus"][..], "'--bogus'"),
        (&["--", "--idle-timeout-ms", "soon"], "--idle-timeout-ms"),
        (&["--", "--idle-timeout-ms"], "--idle-timeout-ms"),
        (&["--", "--admin-listen", "0.0.0.0:0"], "loopback"),
        (&["--", "stray"], "'stray'"),
        (&["--", "--listen", &taken], "another program has this port"),
        (&[&central[..], &["--", "--bogus"]].concat(), "'--bogus'"),
        (&[&central[..], &["--", "--orphan-grace-ms", "1"]].concat(), "orphan-grace"),
    ] {
        for detach in [&[][..], &["--detach"]] {
            let up = [&["up", "--listen", "127.0.0.1:0"][..], detach, flags].concat();
            let refused = lab.run(&up);
            assert_eq!(refused.status.code(), Some(2), "{up:?}: {refused:?}");
            let line = only_line(&refused);
            assert!(line.contains(says), "{up:?} printed {line}");
            assert!(!line.contains("For more information"), "{up:?} printed {line}");
        }
    }
    lab.until_empty();
}
