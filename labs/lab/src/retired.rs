//! Names that commands had before. Each is refused with a line that gives the present name.

/// A command, a name that its command line had, and the present name.
const RETIRED: [(&str, &str, &str); 6] = [
    ("compare", "kill-one", "kill-a-replica"),
    ("compare", "kill-all", "kill-replicas-in-turn"),
    ("compare", "add-replica", "scale-out"),
    ("demo", "kill-one", "kill-a-replica"),
    ("demo", "kill-all", "restart-everything"),
    ("demo", "add-replica", "scale-out"),
];

/// Refuses a command line with a retired name.
///
/// # Errors
/// The line for the user, if there is a retired name.
pub(crate) fn refuse(mut args: impl Iterator<Item = String>) -> Result<(), String> {
    let Some(command) = args.next() else {
        return Ok(());
    };
    let args: Vec<_> = args.collect();
    let names = args.iter().flat_map(|arg| arg.trim_start_matches("--only=").split(','));
    for name in names {
        let mut retired = RETIRED.iter();
        if let Some((_, old, new)) =
            retired.find(|one| (one.0, one.1) == (&command, name))
        {
            return Err(format!("{old} is called {new} now"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cli;
    use clap::CommandFactory;

    fn line(text: &str) -> Result<(), String> {
        refuse(text.split(' ').map(str::to_owned))
    }

    #[test]
    fn retired_scenario_is_refused_with_its_present_name() {
        let says = Err("kill-one is called kill-a-replica now".to_owned());
        for text in [
            "demo kill-one --yes",
            "compare --only kill-one",
            "compare --only token,kill-one",
            "compare --only=kill-one",
        ] {
            assert_eq!(line(text), says, "{text}");
        }
        assert_eq!(line("compare --only kill-a-replica"), Ok(()));
        assert_eq!(line("up --name kill-one"), Ok(()));
    }

    #[test]
    fn present_names_are_accepted_by_their_command() {
        for (command, old, new) in RETIRED {
            let args = |name| match command {
                "compare" => ["lab", "compare", "--only", name],
                _ => ["lab", "demo", "--yes", name],
            };
            assert!(Cli::command().try_get_matches_from(args(new)).is_ok(), "{new}");
            assert!(Cli::command().try_get_matches_from(args(old)).is_err(), "{old}");
        }
    }
}
