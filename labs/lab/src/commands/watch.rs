//! `lab watch`: checks an exercise whenever a file of it is saved.
//!
//! Times and lengths of files are looked at again and again instead of asking the system
//! to tell: that works over SSH, in containers and in WSL, where the system may not tell.
//! Keys are lines, so that any terminal will do.

use super::exercise::{Desk, Which};
use super::{hint, list, run};
use console::Term;
use grader::{Manifest, Verdict};
use std::collections::VecDeque;
use std::fs;
use std::io::BufRead;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;

/// How often files are looked at.
const INTERVAL: Duration = Duration::from_millis(300);

/// Work on an exercise: it is checked whenever you save
#[derive(clap::Args, Debug, Default)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    which: Which,

    /// Check only when told to (r), for where files cannot be watched
    #[arg(long)]
    manual_run: bool,
}

pub(crate) async fn run(args: WatchArgs) -> ExitCode {
    super::judged(watch(&args).await.map(|()| Verdict::Pass))
}

async fn watch(args: &WatchArgs) -> anyhow::Result<()> {
    let (mut desk, mut manifest) = args.which.find()?;
    let mut keys = Keys::read();
    loop {
        let before = look(&desk, &manifest);
        let verdict = match checked(&mut desk, &manifest, &mut keys).await? {
            Checked::Done(verdict) => verdict,
            Checked::Again => continue,
            Checked::Quit => return Ok(()),
        };
        loop {
            prompt(verdict, args.manual_run);
            let key = tokio::select! {
                key = keys.next() => key,
                () = changed(&desk, &manifest, &before), if !args.manual_run => {
                    Some("r".to_owned())
                }
            };
            match key.as_deref() {
                None | Some("q") => return Ok(()),
                Some("r" | "") => break,
                Some("h") => {
                    print!("\n{}", hint::next(&mut desk, &manifest, None, "h")?);
                }
                Some("l") => list::show(&desk, false)?,
                Some("n") => {
                    if let Some(next) = next_after(&desk, &manifest)? {
                        manifest = next;
                        break;
                    }
                }
                Some(key) => println!("\n{key}?"),
            }
        }
    }
}

/// The next exercise, for whoever has solved this one; or why there is none.
fn next_after(desk: &Desk, manifest: &Manifest) -> anyhow::Result<Option<Manifest>> {
    if !desk.progress.of(&manifest.id).solved {
        println!("\nFirst this one. Another: cargo lab watch ID");
        return Ok(None);
    }
    let next = desk.next()?;
    if next.is_none() {
        println!("\nThat was the last one: every exercise is solved");
    }
    Ok(next)
}

/// How a check ended.
enum Checked {
    Done(Verdict),
    /// Somebody wants it from the beginning.
    Again,
    Quit,
}

/// Checks. Whoever wants to leave or to begin again does not have to wait for the end;
/// other keys are for after it. With nobody at the keyboard, the check goes to its end.
async fn checked(
    desk: &mut Desk,
    manifest: &Manifest,
    keys: &mut Keys,
) -> anyhow::Result<Checked> {
    let mut check = std::pin::pin!(check(desk, manifest));
    loop {
        let key = tokio::select! {
            verdict = &mut check => return Ok(Checked::Done(verdict?)),
            Some(key) = keys.fresh() => key,
        };
        match key.as_str() {
            "q" => return Ok(Checked::Quit),
            "r" => return Ok(Checked::Again),
            "" => {}
            _ => keys.keep(key),
        }
    }
}

async fn check(desk: &mut Desk, manifest: &Manifest) -> anyhow::Result<Verdict> {
    let terminal = Term::stdout();
    if terminal.is_term() {
        terminal.clear_screen()?;
    }
    println!("checking {} … (q and Enter to stop)\n", manifest.id);
    let record = run::check(desk, manifest, None).await?;
    print!("{}", run::shown(desk, manifest, &record));
    Ok(record.verdict)
}

/// Only what can be done now.
fn prompt(verdict: Verdict, manual: bool) {
    let next = if verdict == Verdict::Pass { "n next, " } else { "" };
    let waiting = if manual { "" } else { "; or save a file" };
    println!("\n{next}r run, h hint, l list, q quit, and Enter{waiting}");
}

/// What is typed, line by line.
struct Keys {
    lines: mpsc::UnboundedReceiver<String>,
    kept: VecDeque<String>,
}

impl Keys {
    fn read() -> Self {
        let (sender, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                if sender.send(line.trim().to_owned()).is_err() {
                    return;
                }
            }
        });
        Self { lines, kept: VecDeque::new() }
    }

    /// The next key, one that was kept first; nothing when there will be no more.
    async fn next(&mut self) -> Option<String> {
        match self.kept.pop_front() {
            Some(key) => Some(key),
            None => self.fresh().await,
        }
    }

    /// The next key that was not read before.
    async fn fresh(&mut self) -> Option<String> {
        self.lines.recv().await
    }

    /// Puts a key back, for later.
    fn keep(&mut self, key: String) {
        self.kept.push_back(key);
    }
}

type Look = Vec<(SystemTime, u64)>;

/// Resolves when a file is not as it was before the check began, so that what is saved
/// during a check is seen after it.
async fn changed(desk: &Desk, manifest: &Manifest, before: &Look) {
    while look(desk, manifest) == *before {
        tokio::time::sleep(INTERVAL).await;
    }
}

fn look(desk: &Desk, manifest: &Manifest) -> Look {
    let mut seen = Vec::new();
    look_into(&desk.folder.join(&manifest.id), &mut seen);
    seen
}

fn look_into(folder: &Path, seen: &mut Look) {
    let mut entries: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let Ok(about) = entry.metadata() else {
            continue;
        };
        let hidden = entry.file_name().to_str().is_none_or(|name| name.starts_with('.'));
        if about.is_dir() && !hidden && entry.file_name() != "target" {
            look_into(&entry.path(), seen);
        } else if about.is_file() && !hidden {
            seen.push((about.modified().unwrap_or(SystemTime::UNIX_EPOCH), about.len()));
        }
    }
}
