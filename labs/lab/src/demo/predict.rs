//! The prediction before the result: a wrong prediction teaches most.

use crate::demo::configuration::Configuration;
use crate::screen::print_line;
use std::io::{BufRead, Write};

/// The expected number of logged-out users of one configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prediction {
    pub(crate) configuration: Configuration,
    pub(crate) users: usize,
}

/// Asks for predictions. An empty answer is none.
pub(crate) fn ask(configurations: &[Configuration], users: usize) -> Vec<Prediction> {
    print_line(format!("How many of the {users} users will have to log in again?"));
    print_line("(a number, or Enter to pass)");
    configurations
        .iter()
        .filter_map(|configuration| ask_one(*configuration, users))
        .collect()
}

/// Waits for Enter, so that a teacher can explain before the fault.
pub(crate) async fn wait_for_enter(question: String) {
    // A blocked read cannot be cancelled, but nothing else waits for this thread.
    let asked = tokio::task::spawn_blocking(move || {
        prompt(std::io::stderr(), &question);
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)
    });
    let _input_closed = asked.await;
}

fn ask_one(configuration: Configuration, users: usize) -> Option<Prediction> {
    loop {
        prompt(std::io::stdout(), &format!("  {:20} ", configuration.title()));
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer).ok()?;
        match answer.trim() {
            "" => return None,
            _ if read == 0 => return None,
            text => match text.parse() {
                Ok(number) if number <= users => {
                    return Some(Prediction { configuration, users: number });
                }
                _ => print_line(format!("  a number from 0 to {users}")),
            },
        }
    }
}

fn prompt(mut to: impl Write, question: &str) {
    let _output_closed = write!(to, "{question}").and_then(|()| to.flush());
}
