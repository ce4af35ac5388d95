//! `lab user`: edits the accounts in a users file.

mod password;

use crate::screen::print_line;
use crate::shell;
use anyhow::{Context, bail, ensure};
use password::PasswordArgs;
use records::OrgId;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use upload_domain::passwords::{self, HashCost};
use upload_domain::username::Username;
use upload_domain::users_file::{self, User};

/// Edit the accounts in a users file
///
/// The servers read the file of their --users when they start. Phase 1 takes all of it.
/// Phase 2 adds the accounts that its database does not have; change the others with the
/// calls of docs/api.md, which also has the format of the file. Passwords are stored as
/// Argon2 hashes, and the file has mode 0600.
#[derive(clap::Args, Debug)]
pub(crate) struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(clap::Subcommand, Debug)]
enum UserCommand {
    /// Add an account, and create the file if it is missing
    Add(AddArgs),
    /// Set the password of an account
    Passwd {
        #[command(flatten)]
        account: AccountArgs,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Make an account an admin of its organisation
    Admin {
        #[command(flatten)]
        account: AccountArgs,
        /// Take the role away
        #[arg(long)]
        revoke: bool,
    },
    /// Make an account an operator, which may rotate the signing keys of the service
    Operator {
        #[command(flatten)]
        account: AccountArgs,
        /// Take the role away
        #[arg(long)]
        revoke: bool,
    },
}

#[derive(clap::Args, Debug)]
struct AddArgs {
    #[command(flatten)]
    account: AccountArgs,

    /// Organisation of the account [default: main]
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,

    /// Make it an admin of its organisation
    #[arg(long)]
    admin: bool,

    /// Make it an operator
    #[arg(long)]
    operator: bool,

    #[command(flatten)]
    password: PasswordArgs,
}

#[derive(clap::Args, Debug)]
struct AccountArgs {
    /// Name of the account: 1 to 32 of a-z 0-9 . _ -
    #[arg(value_name = "ACCOUNT")]
    account: String,

    /// The users file
    #[arg(long, value_name = "FILE")]
    users: PathBuf,
}

impl AccountArgs {
    /// The name, which must be valid.
    fn name(&self) -> anyhow::Result<Username> {
        Ok(Username::parse(&self.account)?)
    }

    /// Whether the file has the account. A missing file has none.
    fn exists(&self, name: &Username) -> anyhow::Result<bool> {
        if !self.users.exists() {
            return Ok(false);
        }
        let users = users_file::read(&self.users)?;
        Ok(users.iter().any(|user| user.username == *name))
    }

    /// Changes the account's entry.
    fn change(
        &self,
        name: &Username,
        edit: impl FnOnce(&mut User),
    ) -> anyhow::Result<()> {
        let file = &self.users;
        ensure!(file.exists(), missing(name, file));
        users_file::change(file, |users| {
            let found = users.iter_mut().find(|user| user.username == *name);
            edit(found.with_context(|| missing(name, file))?);
            anyhow::Ok(())
        })
    }
}

fn missing(name: &Username, file: &Path) -> String {
    format!("{} has no account {name}: {}", file.display(), command("add", name, file))
}

/// A command for an account of this file, to be pasted into a shell.
fn command(verb: &str, name: &Username, file: &Path) -> String {
    format!("cargo lab user {verb} {name} --users {}", shell::quoted(file))
}

pub(crate) async fn run(args: UserArgs) -> ExitCode {
    super::ended(edit(args.command).await)
}

async fn edit(command: UserCommand) -> anyhow::Result<()> {
    match command {
        UserCommand::Add(args) => add(&args).await,
        UserCommand::Passwd { account, password } => passwd(&account, &password).await,
        UserCommand::Admin { account, revoke } => {
            let name = account.name()?;
            account.change(&name, |user| user.admin = !revoke)?;
            print_line(granted(&name, "an admin of its organisation", revoke));
            Ok(())
        }
        UserCommand::Operator { account, revoke } => {
            let name = account.name()?;
            account.change(&name, |user| user.operator = !revoke)?;
            print_line(granted(&name, "an operator", revoke));
            Ok(())
        }
    }
}

fn granted(name: &Username, role: &str, revoke: bool) -> String {
    let verb = if revoke { "is no longer" } else { "is" };
    format!("{name} {verb} {role} in this file")
}

async fn add(args: &AddArgs) -> anyhow::Result<()> {
    let (name, file) = (args.account.name()?, &args.account.users);
    let organisation = args.organisation.as_deref().map(OrgId::parse).transpose()?;
    let exists = || anyhow::anyhow!("{name} exists: {}", command("passwd", &name, file));
    if args.account.exists(&name)? {
        return Err(exists());
    }
    let password = args.password.read().await?;
    let password_hash = passwords::hash(password.expose(), HashCost::Owasp)?;
    let user = User {
        username: name.clone(),
        password_hash,
        organisation: organisation.map(|organisation| organisation.to_string()),
        admin: args.admin,
        operator: args.operator,
    };
    users_file::change(file, |users| {
        if users.iter().any(|user| user.username == name) {
            return Err(exists());
        }
        users.push(user);
        Ok(())
    })?;
    print_line(format_args!("{name} is in {}", file.display()));
    Ok(())
}

async fn passwd(account: &AccountArgs, password: &PasswordArgs) -> anyhow::Result<()> {
    let name = account.name()?;
    if !account.exists(&name)? {
        bail!(missing(&name, &account.users));
    }
    let password = password.read().await?;
    let hash = passwords::hash(password.expose(), HashCost::Owasp)?;
    account.change(&name, |user| user.password_hash = hash)?;
    print_line(format_args!("{name} has a new password in this file"));
    Ok(())
}
