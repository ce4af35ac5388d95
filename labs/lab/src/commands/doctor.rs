//! `lab doctor`: the tools and services of this machine, with advice for missing ones.

use crate::screen::{print_line, table};
use backing_services::{Offer, ServiceType, offers};
use clap::Args;
use nix::sys::resource::{Resource, getrlimit};
use outcome::Document;
use serde::Serialize;
use serde_json::json;
use std::path::Path;
use std::process::Command;

/// Show the tools and services of this machine
///
/// Installs and changes nothing. A service with several possible sources needs one of them.
#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    /// Print JSON: docs/json.md
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Serialize)]
struct Probe {
    name: String,
    found: Option<String>,
    needed_for: String,
    advice: String,
}

impl Probe {
    fn new(name: &str, found: Option<String>, needed_for: &str, advice: &str) -> Self {
        let (needed_for, advice) = (needed_for.to_owned(), advice.to_owned());
        Self { name: name.to_owned(), found, needed_for, advice }
    }
}

pub(crate) async fn run(args: &DoctorArgs) -> anyhow::Result<()> {
    let mut probes = [machine(), tools()].concat();
    for what in [ServiceType::Redis, ServiceType::Database, ServiceType::S3] {
        probes.extend(services(what).await);
    }
    if args.json {
        let document = Document::new("lab-doctor", 1, json!({ "findings": probes }));
        print_line(serde_json::to_string_pretty(&document)?);
        return Ok(());
    }
    let row = |finding: &Probe| {
        let advice = match finding.found {
            Some(_) => String::new(),
            None => finding.advice.clone(),
        };
        let found = finding.found.clone().unwrap_or_else(|| "missing".to_owned());
        vec![finding.name.clone(), found, finding.needed_for.clone(), advice]
    };
    let rows = probes.iter().map(row).collect();
    print_line(table(&["tool or service", "found", "needed for", "advice"], rows));
    Ok(())
}

fn machine() -> Vec<Probe> {
    let cores = std::thread::available_parallelism().ok().map(|n| n.to_string());
    let files = getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(soft, _)| soft);
    let temp = std::env::temp_dir();
    let files = files.filter(|limit| *limit >= 1024).map(|limit| limit.to_string());
    let temp = is_writable(&temp).then(|| temp.display().to_string());
    vec![
        Probe::new("cores", cores, "everything", "two or more make the demo faster"),
        Probe::new("open files", files, "everything", "raise the limit: ulimit -n 4096"),
        Probe::new(
            "temporary folder",
            temp,
            "demo, up",
            "set TMPDIR to a folder you may write",
        ),
    ]
}

fn tools() -> Vec<Probe> {
    let (curl, compiler) = (version("curl", "--version"), version("cc", "--version"));
    vec![
        Probe::new(
            "curl",
            curl,
            "trying calls by hand",
            "install your system's package curl",
        ),
        Probe::new(
            "C compiler",
            compiler,
            "building",
            "install your system's gcc or clang",
        ),
    ]
}

/// The sources of a service in the order in which `lab up` tries them, and its choice.
async fn services(what: ServiceType) -> Vec<Probe> {
    let offers = offers(what).await;
    let taken = offers.iter().find(|offer| offer.found.is_ok()).map(|offer| offer.kind);
    let name = match what {
        ServiceType::Redis => "Redis",
        ServiceType::Database => "database",
        ServiceType::S3 => "S3 store",
    };
    let finding = |offer: Offer| {
        let kind = offer.kind.as_str();
        let (found, advice) = match offer.found {
            Ok(found) => (Some(found), String::new()),
            Err(reason) => (None, reason),
        };
        let asked = match what {
            ServiceType::S3 => "up --files s3".to_owned(),
            _ => format!("up --backing {kind}"),
        };
        let needed_for = match taken == Some(offer.kind) {
            true => format!("{asked}; auto takes it"),
            false => asked,
        };
        Probe::new(&format!("{name}: {kind}"), found, &needed_for, &advice)
    };
    offers.into_iter().map(finding).collect()
}

fn is_writable(dir: &Path) -> bool {
    let probe = dir.join(format!("lab-doctor-{}", std::process::id()));
    std::fs::create_dir(&probe).and_then(|()| std::fs::remove_dir(&probe)).is_ok()
}

/// The first line of the version that a program prints.
fn version(program: &str, flag: &str) -> Option<String> {
    let output = Command::new(program).arg(flag).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| first_words(&text))
}

fn first_words(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let words = line.split_whitespace().take_while(|word| !word.starts_with('('));
    words.take(3).collect::<Vec<_>>().join(" ")
}
