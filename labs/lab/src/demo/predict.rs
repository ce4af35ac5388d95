//! The question before the answer: a prediction that turns out wrong teaches most.

use crate::demo::lane::Lane;
use std::io::{BufRead, IsTerminal, Write};

/// What somebody expects of one lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prediction {
    pub(crate) lane: Lane,
    pub(crate) users: usize,
}

/// Asks, if there is somebody to ask. An empty answer is no prediction.
pub(crate) fn ask(users: usize) -> Vec<Prediction> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        println!("(Nobody is at the keyboard, so no prediction is asked for; --yes says so.)");
        return Vec::new();
    }
    println!("How many of the {users} users will have to log in again because of it?");
    println!("(a number, or Enter to pass)");
    Lane::ALL.into_iter().filter_map(|lane| ask_one(lane, users)).collect()
}

fn ask_one(lane: Lane, users: usize) -> Option<Prediction> {
    loop {
        print!("  {:20} ", lane.title());
        let _shown_later = std::io::stdout().flush();
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer).ok()?;
        match answer.trim() {
            "" => return None,
            _ if read == 0 => return None,
            text => match text.parse() {
                Ok(number) if number <= users => {
                    return Some(Prediction { lane, users: number });
                }
                _ => println!("  a number from 0 to {users}"),
            },
        }
    }
}
