//! The prediction before the result: a wrong prediction teaches most.

use crate::demo::configuration::Configuration;
use crate::screen::{print, print_line};
use std::io::{BufRead, Write};

/// The expected number of logged-out users of one configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prediction {
    pub(crate) configuration: Configuration,
    pub(crate) users: usize,
}

/// Asks for predictions of the figure that [`Prediction`] is compared with. An empty answer
/// is none.
pub(crate) async fn ask(
    configurations: &[Configuration],
    users: usize,
) -> Vec<Prediction> {
    print_line(format!(
        "How many of the {users} users will lose their login at least once from the fault \
         on,\nfor whatever reason? (A number, or Enter to pass.)"
    ));
    let mut predictions = Vec::new();
    for configuration in configurations {
        predictions.extend(ask_one(*configuration, users).await);
    }
    predictions
}

/// Asks a question that is answered with yes or no, once for each name. An empty answer is
/// none.
pub(crate) async fn ask_yes_or_no(question: &str, names: &[&str]) -> Vec<Option<bool>> {
    print_line(format!("{question} (y or n, or Enter to pass)"));
    let mut predictions = Vec::new();
    for name in names {
        predictions.push(ask_one_yes_or_no(name).await);
    }
    predictions
}

async fn ask_one_yes_or_no(name: &str) -> Option<bool> {
    loop {
        match read_answer(name).await?.as_str() {
            "" => return None,
            "y" | "yes" => return Some(true),
            "n" | "no" => return Some(false),
            _ => print_line("  y or n"),
        }
    }
}

/// Waits for Enter, so that a teacher can explain before the fault.
pub(crate) async fn wait_for_enter(question: String) {
    prompt(std::io::stderr(), &question);
    let _input_closed = read_line().await;
}

async fn ask_one(configuration: Configuration, users: usize) -> Option<Prediction> {
    loop {
        match read_answer(configuration.title()).await?.as_str() {
            "" => return None,
            text => match text.parse() {
                Ok(number) if number <= users => {
                    return Some(Prediction { configuration, users: number });
                }
                _ => print_line(format!("  a number from 0 to {users}")),
            },
        }
    }
}

/// The answer to a prompt; [`None`] at the end of the input.
async fn read_answer(name: &str) -> Option<String> {
    print(format_args!("  {name:20} "));
    Some(read_line().await?.trim().to_lowercase())
}

/// A line of standard input; [`None`] at its end. A blocked read cannot be cancelled, so it is
/// on another thread: Ctrl-C ends the command meanwhile.
async fn read_line() -> Option<String> {
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|length| (length, line))
    });
    let (length, line) = read.await.ok()?.ok()?;
    (length > 0).then_some(line)
}

fn prompt(mut to: impl Write, question: &str) {
    let _output_closed = write!(to, "{question}").and_then(|()| to.flush());
}
