//! The memory of one replica during 64 concurrent uploads of 100 MB each.
//!
//! `cargo bench -p benches --bench upload_memory [-- --uploads 64 --megabytes 100]`
//!
//! A real process with a folder of its own and the stores of `--design` and `--backing`. Its
//! peak is the kernel's `VmHWM`; the memory of the stores is not in it. The bytes of the files
//! lie in the folder. The same process is measured first with one upload, because the result is
//! the difference that 63 more make. It needs disk space of twice the uploaded bytes.

use anyhow::{Context, ensure};
use api_contract::files::FileCreated;
use api_contract::secret::Secret;
use api_contract::{LoginRequest, paths};
use backing_services::{Backing, Service};
use bytes::Bytes;
use clap::Parser;
use client::{Client, Credential, Options};
use futures_util::future::try_join_all;
use futures_util::stream;
use http::Method;
use http_edge::ready::ReadyLine;
use process::{Lines, Process, SERVICE_URLS, Signal, command_with_death_signal};
use records::Records;
use reqwest::multipart::{Form, Part};
use std::ffi::OsString;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};
use upload_domain::passwords::HashCost;
use upload_domain::users_file;
use upload_server::config::Design;

/// The limit of the design, in KiB.
const LIMIT_KIB: u64 = 256 * 1024;

/// The time within which the server must be ready.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes of one chunk that a client sends.
const CHUNK: usize = 64 * 1024;

/// The longest time for one upload. All uploads run at once.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(600);

const PASSWORD: &str = "only-for-this-measurement";

/// The number of uploads, their size and their server.
#[derive(Parser)]
struct Args {
    /// The design of the replica
    #[arg(long, value_enum, default_value_t = Design::Memory)]
    design: Design,

    /// The kind of database, and of Redis where the design needs one
    /// [default: SQLite in the folder, and the embedded Redis]
    #[arg(long, value_enum)]
    backing: Option<Backing>,

    /// Concurrent uploads
    #[arg(long, default_value_t = 64)]
    uploads: usize,

    /// Size of each, in millions of bytes
    #[arg(long, default_value_t = 100)]
    megabytes: usize,

    /// An argument that `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let serves = std::env::args_os().nth(1).is_some_and(|first| first == "serve");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be started");
    http_edge::program::exit_code(match serves {
        true => runtime.block_on(serve()),
        false => runtime.block_on(measure(&Args::parse())),
    })
}

/// The measured process: this program in another role.
async fn serve() -> anyhow::Result<()> {
    let flags: Vec<OsString> = std::env::args_os().skip(1).collect();
    upload_server::start(upload_server::Config::parse_from(flags)).await
}

async fn measure(args: &Args) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let stores = Stores::start(args, folder.path()).await?;
    let server = Server::start(folder.path(), args.design, &stores).await?;
    let options = Options { timeout: UPLOAD_TIMEOUT, ..Options::default() };
    let client = Client::with(&server.url, options);
    let alice =
        LoginRequest { username: "alice".to_owned(), password: Secret::new(PASSWORD) };
    let login = client.log_in(args.design.into(), &alice).await.done()?;
    let credential = login.body.credential;
    let size = args.megabytes * 1_000_000;
    let at_rest = server.peak_kib()?;
    upload(&client, &credential, size).await?;
    let with_one = server.peak_kib()?;
    let began = Instant::now();
    let all = (0..args.uploads).map(|_| upload(&client, &credential, size));
    try_join_all(all).await?;
    let seconds = began.elapsed().as_secs_f64();
    let with_all = server.peak_kib()?;
    let (uploads, megabytes) = (args.uploads, args.megabytes);
    let (design, records) = (args.design.as_str(), stores.records());
    println!("peak memory of one replica (VmHWM), {design}, records in {records},");
    println!("uploads of {megabytes} MB:");
    println!("  after login           {:8.1} MiB", mib(at_rest));
    println!("  1 upload              {:8.1} MiB", mib(with_one));
    println!(
        "  {uploads} uploads at once    {:8.1} MiB  ({seconds:.1} s)",
        mib(with_all)
    );
    ensure!(
        with_all < LIMIT_KIB,
        "one replica needed {:.1} MiB, and may need {:.1}",
        mib(with_all),
        mib(LIMIT_KIB)
    );
    Ok(())
}

/// Uploads bytes that are generated while they are sent.
async fn upload(
    client: &Client,
    credential: &Credential,
    size: usize,
) -> anyhow::Result<()> {
    let chunk = Bytes::from(vec![b'x'; CHUNK]);
    let sizes = std::iter::repeat_n(CHUNK, size / CHUNK).chain([size % CHUNK]);
    let body = sizes.map(move |length| Ok::<_, std::io::Error>(chunk.slice(..length)));
    let body = reqwest::Body::wrap_stream(stream::iter(body));
    let part = Part::stream_with_length(body, size as u64).file_name("large.bin");
    let call = client.authenticated(credential, Method::POST, paths::UPLOAD);
    let call = call.multipart(Form::new().part("file", part));
    let created = client.json::<FileCreated>(call).await.done()?.body;
    ensure!(created.size == size as u64, "{} of {size} bytes arrived", created.size);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "for display")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// The stores that the replica shares with others. They are removed when it is dropped.
struct Stores {
    redis: Option<Service>,
    /// With the URL of the application's role, which does not own the tables.
    database: Option<(Service, String)>,
}

impl Stores {
    async fn start(args: &Args, folder: &Path) -> anyhow::Result<Self> {
        let redis = match args.design {
            Design::Central | Design::Token => {
                let kind = args.backing.unwrap_or(Backing::Embedded);
                Some(backing_services::redis(kind, folder).await?)
            }
            Design::Memory | Design::Sticky | Design::Replicated => None,
        };
        let database = match args.backing {
            Some(kind) => {
                let service = backing_services::database(kind, folder).await?;
                let url = Records::migrate(&service.url).await?.app_url;
                Some((service, url))
            }
            None => None,
        };
        Ok(Self { redis, database })
    }

    /// The kind of the database, for the output.
    fn records(&self) -> &str {
        self.database.as_ref().map_or("SQLite", |(service, _)| service.why.as_str())
    }
}

/// The measured process. It is killed and reaped when it is dropped.
struct Server {
    process: Process,
    url: String,
}

impl Server {
    async fn start(
        folder: &Path,
        design: Design,
        stores: &Stores,
    ) -> anyhow::Result<Self> {
        let users = folder.join("users.json");
        users_file::write(&users, &[("alice", PASSWORD)], HashCost::Owasp)?;
        let program = std::env::current_exe()?;
        let mut program = command_with_death_signal(&program, None, Signal::SIGKILL);
        for variable in SERVICE_URLS {
            program.env_remove(variable);
        }
        if let Some(redis) = &stores.redis {
            program.env("REDIS_URL", &redis.url);
        }
        if let Some((_, url)) = &stores.database {
            program.env("DATABASE_URL", url);
        }
        program
            .args(["serve", "--design", design.as_str()])
            .args(["--listen", "127.0.0.1:0", "--users"])
            .arg(&users)
            .arg("--data-dir")
            .arg(folder.join("data"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process =
            Process::start(program).context("cannot start this program again")?;
        let output = process.stdout.take().context("standard output is piped")?;
        let output = Lines::read(output);
        let ready = process.ready(&output, ReadyLine::parse, START_TIMEOUT).await;
        let ready = ready.context("the server did not become ready")?;
        Ok(Self { process, url: format!("http://{}", ready.address) })
    }

    fn peak_kib(&self) -> anyhow::Result<u64> {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.context("the kernel names no peak")?.parse().context("a number")
    }
}
