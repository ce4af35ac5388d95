//! A report as a Markdown page, and its plots.

mod plots;
mod tables;

pub use plots::plots;
pub use tables::{goals, request_costs};

use crate::report::{Report, RunInfo};
use report::figure::format_number;
use tables::{files, memory, outage, replicas, sessions};

/// The page. The file names of its plots start with `name`.
#[must_use]
pub fn markdown(report: &Report, name: &str) -> String {
    let mut text = String::from("# Ours and peers, measured in turns\n\n");
    for (what, value) in run_info(&report.run_info) {
        text += &format!("- {what}: {value}\n");
    }
    text += "\n## Authenticated requests\n\nMedians of all rounds, smallest and greatest in \
             brackets.\n\n";
    text += &request_costs(report).markdown();
    text += "\n## Goals\n\n";
    text += &goals(report).markdown();
    text += "\n## One of three replicas dies\n\n";
    text += &outage(report).markdown();
    text += "\n## Memory of one replica\n\n";
    text += &memory(report).markdown();
    text += "\n## More sessions\n\n";
    text += &sessions(report).markdown();
    text += &plot_link(name, "bytes", "Bytes for each session");
    text += &plot_link(name, "looks", "Microseconds for one look");
    text += "\n## More replicas on one machine\n\n";
    text += &replicas(report).markdown();
    text += &plot_link(name, "replicas", "Answers a second");
    text += "\n## Larger files\n\n";
    text += &files(report).markdown();
    text += &plot_link(name, "files", "Time and memory of an upload");
    text
}

/// The page for a terminal, without plots.
#[must_use]
pub fn text(report: &Report) -> String {
    let page = markdown(report, "");
    let lines = page.lines().filter(|line| !line.starts_with("!["));
    lines.collect::<Vec<_>>().join("\n")
}

fn plot_link(name: &str, plot: &str, title: &str) -> String {
    format!("\n![{title}]({name}-{plot}.svg)\n")
}

/// The conditions of the run.
#[must_use]
pub fn run_info(run_info: &RunInfo) -> Vec<(&'static str, String)> {
    let machine = &run_info.machine;
    vec![
        ("date", run_info.date.clone()),
        ("command", format!("`{}`", run_info.command)),
        ("built for", run_info.profile.clone()),
        ("machine", machine.description()),
        ("processes that waited for a core before", machine.load_text()),
        ("Redis", run_info.redis.clone()),
        (
            "HAProxy",
            run_info.haproxy.clone().unwrap_or_else(|| "not installed".to_owned()),
        ),
        (
            "turns",
            format!(
                "{} of {} ms, {} requests under way",
                run_info.rounds, run_info.round_ms, run_info.connections
            ),
        ),
        ("took", format!("{} s", format_number(run_info.seconds))),
    ]
}
