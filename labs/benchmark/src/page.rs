//! A report as a Markdown page, and its plots.

mod line_plot;
mod plots;
mod tables;

pub use plots::plots;
pub use tables::{reads, targets};

use crate::report::{Made, Report};
use comparison::figure::format_number;
use tables::{files, memory, outage, replicas, sessions};

/// The page. The file names of its plots start with `name`.
#[must_use]
pub fn markdown(report: &Report, name: &str) -> String {
    let mut text = String::from("# Ours and peers, measured in turns\n\n");
    for (what, value) in made(&report.made) {
        text += &format!("- {what}: {value}\n");
    }
    text += "\n## Authenticated requests\n\nMedians of all rounds, smallest and greatest in \
             brackets.\n\n";
    text += &reads(report).markdown();
    text += "\n## Goals\n\n";
    text += &targets(report).markdown();
    text += "\n## One of three replicas dies\n\n";
    text += &outage(report).markdown();
    text += "\n## Memory of one replica\n\n";
    text += &memory(report).markdown();
    text += "\n## More sessions\n\n";
    text += &sessions(report).markdown();
    text += &picture(name, "bytes", "Bytes for each session");
    text += &picture(name, "looks", "Microseconds for one look");
    text += "\n## More replicas on one machine\n\n";
    text += &replicas(report).markdown();
    text += &picture(name, "replicas", "Answers a second");
    text += "\n## Larger files\n\n";
    text += &files(report).markdown();
    text += &picture(name, "files", "Time and memory of an upload");
    text
}

/// The page for a terminal, without plots.
#[must_use]
pub fn text(report: &Report) -> String {
    let page = markdown(report, "");
    let lines = page.lines().filter(|line| !line.starts_with("!["));
    lines.collect::<Vec<_>>().join("\n")
}

fn picture(name: &str, plot: &str, shows: &str) -> String {
    format!("\n![{shows}]({name}-{plot}.svg)\n")
}

/// The conditions of the run.
#[must_use]
pub fn made(made: &Made) -> Vec<(&'static str, String)> {
    let machine = &made.machine;
    let load = machine.load_before.map_or("not message".to_owned(), format_number);
    vec![
        ("date", made.date.clone()),
        ("command", format!("`{}`", made.command)),
        ("built for", made.profile.clone()),
        (
            "machine",
            format!("{}, {} cores, {}", machine.processor, machine.cores, machine.system),
        ),
        ("processes that waited for a core before", load),
        ("Redis", made.redis.clone()),
        ("HAProxy", made.haproxy.clone().unwrap_or_else(|| "not installed".to_owned())),
        (
            "turns",
            format!(
                "{} of {} ms, {} requests under way",
                made.rounds, made.round_ms, made.connections
            ),
        ),
        ("took", format!("{} s", format_number(made.seconds))),
    ]
}
