//! `lab --help`: the commands in four groups.

use crate::screen::{print, remark};
use clap::Command;
use clap::builder::StyledStr;
use std::fmt::Write;
use std::io::IsTerminal;
use std::process::ExitCode;

/// Every visible command, in the order of the help.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Learn", &["demo", "list", "watch", "run", "hint", "reset", "solution"]),
    (
        "Cluster",
        &[
            "up", "status", "kill", "pause", "resume", "drain", "restart", "add", "logs",
            "down", "migrate", "user",
        ],
    ),
    ("Measure", &["compare", "bench", "check-stateless"]),
    ("Teach", &["grade", "dev", "doctor"]),
];

/// Printed after the options.
const EXIT_CODES: &str = "\
Exit codes of commands that judge:
  0 pass, 1 fail, 2 usage error, 3 the lab itself broke, 4 inconclusive";

/// Prints the help that was asked for, or why the command line cannot be used. Returns the
/// exit code.
pub(crate) fn refused(text: &clap::Error) -> ExitCode {
    let code = u8::try_from(text.exit_code()).unwrap_or(outcome::USAGE);
    let text = text.render();
    match code {
        0 => show(&text),
        _ if std::io::stderr().is_terminal() => {
            remark(text.ansi().to_string().trim_end())
        }
        _ => remark(text.to_string().trim_end()),
    }
    ExitCode::from(code)
}

/// Prints help: with colours on a terminal, and as plain text elsewhere.
pub(crate) fn show(text: &StyledStr) {
    match std::io::stdout().is_terminal() {
        true => print(text.ansi()),
        false => print(text),
    }
}

/// The command line with the grouped help.
pub(crate) fn grouped(command: Command) -> Command {
    let commands = groups(&command);
    command.help_template(format!(
        "{{about-with-newline}}\nUsage: {{usage}}\n{commands}\nOptions:\n{{options}}\n\n\
         {EXIT_CODES}\n"
    ))
}

fn groups(command: &Command) -> String {
    let mut text = String::new();
    for (title, names) in GROUPS {
        let _ = writeln!(text, "\n{title}:");
        for name in names {
            let about = command.find_subcommand(name).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "  {name:<16} {about}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cli;
    use clap::CommandFactory;
    use std::collections::BTreeSet;

    /// The first words of all help lines.
    const VERBS: [&str; 17] = [
        "Check", "Compare", "Continue", "Drain", "Edit", "Find", "Grade", "Kill", "List",
        "Measure", "Print", "Restart", "Send", "Show", "Start", "Stop", "Update",
    ];

    fn help() -> String {
        grouped(Cli::command()).render_long_help().to_string()
    }

    #[test]
    fn command_line_is_well_formed() {
        grouped(Cli::command()).debug_assert();
    }

    #[test]
    fn every_visible_command_is_in_one_group() {
        let command = Cli::command();
        let visible = command.get_subcommands().filter(|one| !one.is_hide_set());
        let visible: BTreeSet<_> = visible.map(Command::get_name).collect();
        let grouped: Vec<_> =
            GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        assert_eq!(grouped.iter().copied().collect::<BTreeSet<_>>(), visible);
        assert_eq!(grouped.len(), visible.len(), "a command is in two groups");
    }

    #[test]
    fn help_has_four_groups_with_one_line_per_command() {
        let help = help();
        for (title, names) in GROUPS {
            let (_, rest) = help.split_once(&format!("\n{title}:\n")).expect(title);
            let lines: Vec<_> =
                rest.lines().take_while(|line| !line.is_empty()).collect();
            assert_eq!(lines.len(), names.len(), "{title}: {lines:?}");
            for (line, name) in lines.iter().zip(names) {
                let (first, about) = line.trim().split_once(' ').expect("two columns");
                assert_eq!(first, *name);
                let verb = about.trim().split(' ').next().unwrap_or_default();
                assert!(
                    VERBS.contains(&verb),
                    "{name} does not start with a verb: {about}"
                );
                assert!(!about.ends_with('.'), "{name}: {about}");
            }
        }
    }

    #[test]
    fn help_fits_eighty_columns() {
        for line in help().lines() {
            assert!(line.chars().count() <= 80, "{} columns: {line}", line.len());
        }
    }

    #[test]
    fn help_hides_internal_roles() {
        let help = help();
        for hidden in Cli::command().get_subcommands().filter(|one| one.is_hide_set()) {
            let name = format!("  {} ", hidden.get_name());
            assert!(!help.contains(&name), "{name} is shown");
        }
    }

    #[test]
    fn every_command_and_flag_has_a_help_text() {
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            assert!(command.get_about().is_some(), "{name}");
            for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
                let text = arg.get_help().map(ToString::to_string).unwrap_or_default();
                let hidden = command.is_hide_set();
                assert!(hidden || text.len() > 4, "{name}: {}", arg.get_id());
            }
        }
    }
}
