//! `docs/metrics.md` lists every metric that the servers expose, and no other: compared with
//! `/metrics` of running clusters, and with the names in the sources.

use crate::markdown::top;
use crate::prometheus::{Family, parse};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

const PAGE: &str = "docs/metrics.md";

/// What a program may be called in the column "exposed by", beside its name alone: every
/// server, and an upload server with Redis.
const ALL_SERVERS: &str = "all servers";
const WITH_REDIS: &str = "upload-server with Redis";

/// A path that no route has, and a method that HTTP does not define.
const MADE_UP_PATH: &str = "/made-up/17";
const MADE_UP_METHOD: &str = "MADEUP";

/// A row of the page.
#[derive(Debug)]
struct Listed {
    name: String,
    kind: String,
    /// The values of each label, if the page lists them.
    labels: BTreeMap<String, BTreeSet<String>>,
    unit: String,
    exposed_by: BTreeSet<String>,
    meaning: String,
}

impl Listed {
    fn of(row: &str) -> Self {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, labels, unit, exposed_by, meaning] = cells[..] else {
            panic!("{PAGE}: {row} has {} cells", cells.len());
        };
        let code = |text: &str| text.trim().trim_matches('`').to_owned();
        let labels = labels.split("; ").filter(|label| !label.is_empty());
        let labels = labels.map(|label| {
            let (label, values) = label.split_once(": ").unwrap_or((label, ""));
            let values = values.split(", ").filter(|value| !value.is_empty()).map(code);
            (code(label), values.collect())
        });
        Self {
            name: code(name),
            kind: kind.to_owned(),
            labels: labels.collect(),
            unit: unit.to_owned(),
            exposed_by: exposed_by.split(", ").map(str::to_owned).collect(),
            meaning: meaning.to_owned(),
        }
    }

    /// The differences between this row and a family of the same name.
    fn differences(&self, family: &Family) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut compare = |what: &str, listed: &str, exposed: &str| {
            if listed != exposed {
                let name = &self.name;
                wrong.push(format!("{name}: {what} {listed:?}, exposed {exposed:?}"));
            }
        };
        compare("type", &self.kind, &family.kind);
        compare("meaning", &self.meaning, family.help.as_deref().unwrap_or_default());
        for (label, value) in family.labels() {
            let known = self.labels.get(label);
            let values = known.filter(|values| !values.is_empty());
            if known.is_none() || values.is_some_and(|values| !values.contains(value)) {
                wrong.push(format!("{}: {label}={value} is not listed", self.name));
            }
        }
        wrong
    }
}

fn listed() -> Vec<Listed> {
    let page = fs::read_to_string(top().join(PAGE)).expect("the page is there");
    page.lines().filter(|line| line.starts_with("| `")).map(Listed::of).collect()
}

#[test]
fn listed_names_follow_prometheus_conventions() {
    for Listed { name, kind, unit, .. } in listed() {
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name}: {kind}");
        let base = name.trim_end_matches("_total");
        for base_unit in ["seconds", "bytes"] {
            let suffix = base.ends_with(&format!("_{base_unit}"));
            assert_eq!(unit == base_unit, suffix, "{name}: unit {unit}");
        }
    }
}

#[test]
fn every_metric_name_in_the_sources_is_listed() {
    let listed: BTreeSet<_> = listed().into_iter().map(|row| row.name).collect();
    let mut recorded = BTreeSet::new();
    for phase in ["phase1-mockup", "phase2-production"] {
        for package in fs::read_dir(top().join(phase)).expect("it is there").flatten() {
            recorded_below(&package.path().join("src"), &mut recorded);
        }
    }
    assert!(
        recorded.len() > 30,
        "the metrics are recorded by another recorder: {recorded:?}"
    );
    let unlisted: Vec<_> = recorded.difference(&listed).collect();
    assert!(unlisted.is_empty(), "not in {PAGE}: {unlisted:?}");
}

/// Adds the literal names in `counter!("…")` and the like.
fn recorded_below(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            recorded_below(&path, names);
            continue;
        }
        let source = fs::read_to_string(&path).unwrap_or_default();
        for macro_name in ["counter!(", "gauge!(", "histogram!("] {
            for (at, _) in source.match_indices(macro_name) {
                let argument = source[at + macro_name.len()..].trim_start();
                let name =
                    argument.strip_prefix('"').and_then(|rest| rest.split_once('"'));
                names.extend(name.map(|(name, _)| name.to_owned()));
            }
        }
    }
}

#[test]
fn exposed_metrics_match_docs_in_every_design() {
    let listed = listed();
    let mut missing: BTreeSet<_> = listed.iter().map(|row| row.name.clone()).collect();
    let mut wrong = Vec::new();
    for design in
        ["stateful", "stateless", "memory", "sticky", "replicated", "central", "token"]
    {
        let cluster = TestCluster::start(design);
        for (id, programs) in cluster.members() {
            let families = cluster.metrics(&id);
            for family in &families {
                missing.remove(&family.name);
            }
            let found = compare(&listed, &families, &programs);
            wrong.extend(found.into_iter().map(|text| format!("{design} {id}: {text}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(missing.is_empty(), "no server exposes {missing:?}");
}

/// The differences between the page and one server, which `programs` describe.
fn compare(
    listed: &[Listed],
    families: &[Family],
    programs: &BTreeSet<String>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let expected = |row: &&Listed| !row.exposed_by.is_disjoint(programs);
    for row in listed.iter().filter(expected) {
        match families.iter().find(|family| family.name == row.name) {
            Some(family) => wrong.extend(row.differences(family)),
            None => wrong.push(format!("{} is listed and not exposed", row.name)),
        }
    }
    for family in families {
        let name = &family.name;
        if !listed.iter().filter(expected).any(|row| row.name == *name) {
            wrong.push(format!("{name} is exposed and not listed"));
        }
        if !["counter", "gauge", "histogram"].contains(&family.kind.as_str()) {
            wrong.push(format!("{name} is a {}: replicas cannot be summed", family.kind));
        }
        for (_, value) in family.labels() {
            if value.contains("made-up") || value.contains(MADE_UP_METHOD) {
                wrong.push(format!("{name} has a label from a client: {value}"));
            }
        }
    }
    wrong
}

/// A cluster of one replica. Stopped when it is dropped.
struct TestCluster {
    design: &'static str,
    folder: tempfile::TempDir,
}

impl TestCluster {
    fn start(design: &'static str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cluster = Self { design, folder };
        let up = ["up", "--detach", "--listen", "127.0.0.1:0", "--replicas", "1"];
        cluster.lab(&[&up[..], &["--design", design]].concat());
        for member in cluster.status()["members"].as_array().expect("a list") {
            let address = member["address"].as_str().expect("an address");
            request(address, "GET", "/readyz");
            request(address, "POST", "/api/upload");
            request(address, MADE_UP_METHOD, MADE_UP_PATH);
        }
        cluster
    }

    fn lab(&self, args: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
        command.args(args).env("TMPDIR", self.folder.path());
        for name in process::SERVICE_URLS {
            command.env_remove(name);
        }
        let output = command.output().expect("lab starts");
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.lab(&["status", "--json"])).expect("JSON")
    }

    /// Each member, with its names in the column "exposed by".
    fn members(&self) -> Vec<(String, BTreeSet<String>)> {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let replica = match self.design {
            "stateful" => names(&[ALL_SERVERS, "stateful-server"]),
            "stateless" => names(&[ALL_SERVERS, "stateless-server"]),
            design => {
                let own = format!("upload-server ({design})");
                let status = self.status();
                let services = status["services"].as_array().expect("a list");
                let redis = services.iter().any(|service| {
                    service["id"] == "redis" && !service["kind"].is_null()
                });
                let redis = if redis { WITH_REDIS } else { "upload-server" };
                names(&[ALL_SERVERS, "upload-server", &own, redis])
            }
        };
        let balancer = names(&[ALL_SERVERS, "load-balancer"]);
        vec![("lb".to_owned(), balancer), ("r1".to_owned(), replica)]
    }

    fn metrics(&self, id: &str) -> Vec<Family> {
        let status = self.status();
        let members = status["members"].as_array().expect("a list");
        let member = members.iter().find(|member| member["id"] == id).expect("a member");
        let admin = member["admin"].as_str().expect("an admin listener");
        parse(&request(admin, "GET", "/metrics"))
    }
}

impl Drop for TestCluster {
    fn drop(&mut self) {
        let mut down = Command::new(env!("CARGO_BIN_EXE_lab"));
        let _ended = down.arg("down").env("TMPDIR", self.folder.path()).output();
    }
}

/// Sends a request without a body and returns the body of the response.
fn request(address: &str, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    let head = "Host: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    write!(stream, "{method} {path} HTTP/1.1\r\n{head}").expect("it reads");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("it answers");
    let (_head, body) = reply.split_once("\r\n\r\n").expect("a response");
    body.to_owned()
}
