//! One client and its server: two pipes, and how they end.

use crate::pipe::{Ended, Held, Pipe};
use crate::proxy::State;
use crate::toxic::{Direction, Toxics};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::atomic::Ordering;
use tokio::net::TcpStream;
use tokio::sync::watch;

/// Holds it until one side has had enough, or a toxic ends it.
pub(crate) async fn hold(mut client: TcpStream, state: State, mut luck: ChaCha8Rng) {
    let _counted = Counted::new(&state);
    let mut resets = state.resets.subscribe();
    let ended = tokio::select! {
        _raised = resets.changed() => Ended::Broken,
        ended = converse(&mut client, &state, &mut luck) => ended,
    };
    if ended == Ended::Broken {
        let _closed_already = client.set_zero_linger();
    }
}

async fn converse(client: &mut TcpStream, state: &State, luck: &mut ChaCha8Rng) -> Ended {
    let mut toxics = state.toxics.subscribe();
    wait_until(&mut toxics, |toxics| !toxics.cuts(Direction::ToServer)).await;
    let Ok(mut server) = TcpStream::connect(state.target).await else {
        return Ended::Broken;
    };
    // A proxy that waits for more before it sends would add a delay of its own.
    let _best_effort = (client.set_nodelay(true), server.set_nodelay(true));
    let ended = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let mut pipe = |direction| Pipe {
            direction,
            toxics: state.toxics.subscribe(),
            held: Held::new(&state.held[direction as usize]),
            luck: ChaCha8Rng::seed_from_u64(luck.next_u64()),
        };
        let there = pipe(Direction::ToServer).run(from_client, to_server);
        let back = pipe(Direction::ToClient).run(from_server, to_client);
        tokio::pin!(there, back);
        // A side that has ended its half may still listen; one that broke off ends both.
        tokio::select! {
            ended = &mut there => match ended {
                Ended::Orderly => back.await,
                Ended::Broken => Ended::Broken,
            },
            ended = &mut back => match ended {
                Ended::Orderly => there.await,
                Ended::Broken => Ended::Broken,
            },
        }
    };
    if ended == Ended::Broken {
        let _closed_already = server.set_zero_linger();
    }
    ended
}

/// Waits until the toxics are as wanted; for ever, once nobody can change them any more.
pub(crate) async fn wait_until(
    toxics: &mut watch::Receiver<Toxics>,
    wanted: impl Fn(&Toxics) -> bool,
) {
    if toxics.wait_for(wanted).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Counts a connection for as long as it is open.
struct Counted<'a>(&'a State);

impl<'a> Counted<'a> {
    fn new(state: &'a State) -> Self {
        state.open.fetch_add(1, Ordering::Relaxed);
        Self(state)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
